//! The same over SSH.

use super::*;
use crate::ssh::client::Client as Ssh;

async fn start() -> Bench {
    let key = ("ssh.host_key_algorithms", "ssh-ed25519");
    Bench::start(&[("ssh.listen", "127.0.0.1:0"), key]).await
}

async fn login(bench: &Bench) -> Ssh {
    Ssh::login(bench.ssh.unwrap(), "ann", "swordfish").await
}

async fn farewell(ssh: &mut Ssh) -> String {
    tokio::time::timeout(DEADLINE, ssh.farewell()).await.expect("last words").expect("last words")
}

#[actix::test]
async fn kicks_end_sessions_and_uploads() {
    let bench = start().await;
    let mut ssh = login(&bench).await;
    let mut known = Known::watch(&bench).await;
    let mut sftp = ssh.sftp().await;
    let handle = sftp.open("/up", true).await;
    sftp.write(&handle, 0, &[1; 1000]).await;
    known.until(|records| records.values().any(|record| record.bytes == 1000)).await;
    let (&number, record) = known.records.iter().next().unwrap();
    assert_eq!((record.command.as_str(), record.path.as_str()), ("put", "/up"));
    assert_eq!((record.protocol, record.direction), (Protocol::Ssh, Direction::Upload));
    let told = bench.acceptor().send(Describe(number)).await.unwrap().unwrap();
    assert!(told["software"].as_str().unwrap().contains("russh"), "{told}");
    assert_eq!(bench.load().await.transfers, 1);

    let begun = Instant::now();
    let from_here = Whom { address: Some([127, 0, 0, 1].into()), ..Whom::default() };
    assert_eq!(bench.kick(from_here).await, 1);
    let said = farewell(&mut ssh).await;
    assert!(said.contains("operator"), "{said}");
    bench.until_left(0).await;
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    known.until(BTreeMap::is_empty).await;
    let mut again = Client::login(&bench, "ann").await;
    again.ask("SIZE up", "213 1000").await;
    drop(again);
    bench.stop().await;
}

#[actix::test]
async fn a_drain_can_be_taken_back() {
    let bench = start().await;
    let mut idle = login(&bench).await;
    let busy = login(&bench).await;
    let mut sftp = busy.sftp().await;
    let handle = sftp.open("/big", false).await;
    sftp.read(&handle, 0, 1000).await;
    assert!(bench.drain.drain(None));
    let text = "This node is draining; please connect again.";
    assert_eq!(farewell(&mut idle).await, text);
    bench.progress(|progress| (progress.sessions, progress.transfers) == (1, 1)).await;
    let mut newcomer = TcpStream::connect(bench.ssh.unwrap()).await.unwrap();
    let mut said = String::new();
    newcomer.read_to_string(&mut said).await.unwrap();
    assert_eq!(said, format!("{text}\r\n"));

    assert!(bench.drain.undrain());
    bench.progress(|progress| progress.phase == Phase::Serving).await;
    assert_eq!(sftp.read(&handle, 1000, 1000).await, [7; 1000]);
    sftp.close(&handle).await;
    let mut other = busy.sftp().await;
    let handle = other.open("/big", false).await;
    assert_eq!(other.read(&handle, 5000, 10).await, [7; 10]);
    login(&bench).await.sftp().await;

    // To be closed when the file is, and it never is.
    assert!(bench.drain.drain(Some(Duration::ZERO)));
    bench.progress(|progress| progress.phase == Phase::Drained).await;
    bench.stop().await;
}
