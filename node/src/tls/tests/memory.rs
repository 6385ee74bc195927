//! What an idle session costs.

use super::*;

/// Memory of this process per idle control connection, socket objects included. Run by hand.
#[actix::test]
#[ignore = "a measurement, not a check"]
async fn memory_of_an_idle_session() {
    const SESSIONS: usize = 2000;
    let resident = || {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap()
    };
    let folder = Folder::new();
    let store = Store::load(&plain(), &[], &folder.0).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut held = Vec::with_capacity(4 * SESSIONS);
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let mut begin = 0;
        for number in 0..SESSIONS + 100 {
            if number == 100 {
                begin = resident();
            }
            let config = client_config(version, None);
            let near = async {
                let io = tokio::net::TcpStream::connect(address).await.unwrap();
                let name = ServerName::try_from("localhost").unwrap();
                let mut tls = TlsConnector::from(config).connect(name, io).await.unwrap();
                tls.write_all(b"NOOP\r\n").await.unwrap();
                tls
            };
            let far = async {
                let (io, _) = listener.accept().await.unwrap();
                let served = handshake_control(io, store.control(None), key(), soon());
                let mut tls = served.await.unwrap();
                let mut line = [0; 6];
                tls.read_exact(&mut line).await.unwrap();
                tls.write_all(b"200 fine\r\n").await.unwrap();
                tls.flush().await.unwrap();
                let read = std::pin::pin!(tls.read_exact(&mut line));
                let waiting = std::task::Context::from_waker(std::task::Waker::noop());
                assert!(std::future::Future::poll(read, &mut { waiting }).is_pending());
                tls
            };
            let (near, far) = tokio::join!(near, far);
            held.push(far);
            // Its socket lives on, its memory does not count.
            let (io, _) = near.into_inner();
            std::mem::forget(io.into_std().unwrap());
        }
        let each = (resident() - begin) as f64 / SESSIONS as f64;
        println!("{version:?}: {each:.1} KiB, object {} bytes", size_of_val(&held[0]));
    }
}
