use std::future::poll_fn;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

async fn pair() -> (Link, Rc<Wire>, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    let wire = Wire::new(Instant::now());
    (Link::new(stream, Tuned::now(), Rc::clone(&wire), Rc::default()), wire, client)
}

fn pattern(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| (at % 251) as u8).collect()
}

#[tokio::test]
async fn small_reads_get_every_byte_in_order() {
    let (mut link, _, mut client) = pair().await;
    let sent = pattern(700_000);
    let expected = sent.clone();
    let writer = tokio::spawn(async move {
        client.write_all(&sent).await.unwrap();
        client
    });
    let mut got = Vec::new();
    for size in [4, 1, 32_768, 7, 4, 255_000, 100, 412_116] {
        let mut piece = vec![0; size];
        link.read_exact(&mut piece).await.unwrap();
        got.extend(piece);
    }
    assert!(got == expected);
    drop(writer.await.unwrap());
    assert_eq!(link.read(&mut [0; 10]).await.unwrap(), 0, "the end is seen");
}

/// The hang that this design rules out: the client takes nothing, and is still read.
#[tokio::test]
async fn what_the_client_does_not_take_does_not_stop_reading() {
    let (mut link, wire, mut client) = pair().await;
    let reply = pattern(256 * 1024);
    let mut written = 0;
    while wire.unsent() < 512 * 1024 {
        link.write_all(&reply).await.unwrap();
        link.flush().await.unwrap();
        written += reply.len();
    }
    assert!(wire.stuck_since().is_some());
    client.write_all(b"more").await.unwrap();
    let mut four = [0; 4];
    link.read_exact(&mut four).await.unwrap();
    assert_eq!(&four, b"more");
    let reader = tokio::spawn(async move {
        let mut got = vec![0; written];
        client.read_exact(&mut got).await.unwrap();
        client.write_all(b"thanks").await.unwrap();
        got
    });
    // Reading is what sends the rest.
    let mut six = [0; 6];
    link.read_exact(&mut six).await.unwrap();
    assert_eq!(wire.unsent(), 0);
    let got = reader.await.unwrap();
    assert!(got.chunks(reply.len()).all(|chunk| chunk == reply));
}

#[tokio::test]
async fn too_much_unsent_stops_reading_until_it_is_taken() {
    let (mut link, wire, mut client) = pair().await;
    while wire.unsent() <= UNSENT_MAX {
        link.write_all(&[0; 65_536]).await.unwrap();
    }
    client.write_all(b"x").await.unwrap();
    client.readable().await.unwrap();
    let mut byte = [0; 1];
    let pending = poll_fn(|context| {
        let mut out = ReadBuf::new(&mut byte);
        Poll::Ready(Pin::new(&mut link).poll_read(context, &mut out).is_pending())
    });
    assert!(pending.await);
    let drain = tokio::spawn(async move {
        let mut sink = vec![0; 1 << 20];
        while client.read(&mut sink).await.unwrap() > 0 {}
    });
    link.read_exact(&mut byte).await.unwrap();
    assert_eq!(&byte, b"x");
    drop(link);
    drain.await.unwrap();
}

#[tokio::test]
async fn a_pause_holds_bytes_back_and_an_end_ends_both_ways() {
    let (mut link, wire, mut client) = pair().await;
    wire.set_paused(true);
    client.write_all(b"later").await.unwrap();
    let resume = async {
        tokio::task::yield_now().await;
        wire.set_paused(false);
    };
    let mut five = [0; 5];
    let (read, ()) = tokio::join!(link.read_exact(&mut five), resume);
    read.unwrap();
    assert_eq!(&five, b"later");
    wire.kill();
    assert_eq!(link.read(&mut five).await.unwrap(), 0);
    assert!(link.write_all(b"x").await.is_err());
}

#[tokio::test]
async fn short_answers_wait_for_each_other_and_for_nothing_else() {
    let (mut link, wire, mut client) = pair().await;
    client.write_all(b"one two three").await.unwrap();
    let mut piece = [0; 4];
    for count in 1..=2 {
        link.read_exact(&mut piece).await.unwrap();
        link.write_all(b"answer").await.unwrap();
        link.flush().await.unwrap();
        assert_eq!(wire.unsent(), 6 * count, "more packets are there");
    }
    let mut last = [0; 5];
    link.read_exact(&mut last).await.unwrap();
    link.write_all(b"answer").await.unwrap();
    link.flush().await.unwrap();
    assert_eq!(wire.unsent(), 0);
    let mut got = [0; 18];
    client.read_exact(&mut got).await.unwrap();
    assert_eq!(&got, b"answeransweranswer");
    // A long one waits for nobody.
    client.write_all(b"one two ").await.unwrap();
    link.read_exact(&mut piece).await.unwrap();
    link.write_all(&[1; 20_000]).await.unwrap();
    assert_eq!(wire.unsent(), 0);
}
