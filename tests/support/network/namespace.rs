//! A network of its own, as the kernel makes them.

use std::fs::File;
use std::io::{self, Read};
use std::marker::PhantomData;
use std::os::fd::{AsFd, AsRawFd};
use std::process::{Command, Stdio};
use std::sync::Arc;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// A network namespace. It has no name: the kernel takes it away, and with it all links that lead
/// out of it, when the last value of this kind and the last process in it are gone, however they
/// ended. So nothing is ever left behind, and copies of a test are in nobody's way.
#[derive(Clone, Debug)]
pub struct Namespace(Arc<File>);

impl Namespace {
    /// Makes an empty one.
    ///
    /// # Errors
    /// Where that is not permitted, or `unshare` is not there.
    pub fn new() -> io::Result<Self> {
        // Somebody must be in it until it is held. This one ends with us at the latest.
        let mut first = Command::new("unshare")
            .args(["--net", "sh", "-c", "echo ready; exec cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut word = [0; 6];
        let told = first.stdout.take().map_or(Ok(()), |mut output| output.read_exact(&mut word));
        let held = told.and_then(|()| File::open(format!("/proc/{}/ns/net", first.id())));
        drop(first.stdin.take());
        let output = first.wait_with_output()?;
        match held {
            Ok(file) => Self::check(file),
            Err(_) => {
                let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
                Err(io::Error::new(io::ErrorKind::PermissionDenied, said))
            }
        }
    }

    /// It is of no use if threads can not be moved into it.
    fn check(file: File) -> io::Result<Self> {
        let namespace = Self(Arc::new(file));
        let probe = namespace.clone();
        let entered = std::thread::spawn(move || probe.move_into());
        entered.join().map_err(|_| io::Error::other("a thread panicked"))??;
        Ok(namespace)
    }

    /// Moves this thread into it until the guard is dropped. Sockets that it makes, threads and
    /// programs that it starts meanwhile are of the namespace and stay in it.
    ///
    /// # Panics
    /// If the kernel refuses.
    #[track_caller]
    pub fn enter(&self) -> Inside {
        let before = File::open("/proc/thread-self/ns/net").expect("a thread has a namespace");
        self.move_into().expect("a thread may move");
        Inside { before: Self(Arc::new(before)), here: PhantomData }
    }

    /// Does this in it.
    #[track_caller]
    pub fn run<T>(&self, what: impl FnOnce() -> T) -> T {
        let _inside = self.enter();
        what()
    }

    /// A path by which `ip` finds it, as long as this value lives.
    pub(super) fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd())
    }

    fn move_into(&self) -> io::Result<()> {
        move_into_link_name_space(self.0.as_fd(), Some(LinkNameSpaceType::Network))?;
        Ok(())
    }
}

/// The way back.
#[derive(Debug)]
pub struct Inside {
    before: Namespace,
    /// It is this thread that was moved.
    here: PhantomData<*const ()>,
}

impl Drop for Inside {
    fn drop(&mut self) {
        let back = self.before.move_into();
        assert!(back.is_ok() || std::thread::panicking(), "a thread can not move back: {back:?}");
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener, TcpStream};
    use std::os::unix::fs::MetadataExt;

    use super::*;
    use crate::network::permitted;
    use crate::{Program, wait};

    fn number() -> u64 {
        std::fs::metadata("/proc/thread-self/ns/net").unwrap().ino()
    }

    /// Whether a process or thread of this machine is in it, or holds it open.
    fn exists(namespace: u64) -> bool {
        let listed = Program::new("lsns").args(["--type", "net", "--output", "NS"]).succeed();
        let held = std::fs::read_dir("/proc/self/fd").unwrap().any(|entry| {
            let target = entry.and_then(|entry| std::fs::read_link(entry.path()));
            target.is_ok_and(|path| path.to_string_lossy() == format!("net:[{namespace}]"))
        });
        held || listed.stdout.split_whitespace().any(|word| word == namespace.to_string())
    }

    #[test]
    fn threads_programs_and_sockets_are_in_it() {
        if !permitted() {
            return;
        }
        let (outside, namespace) = (number(), Namespace::new().unwrap());
        let (inside, spawned, told) = namespace.run(|| {
            let up = Program::new("ip").args(["link", "set", "lo", "up"]).succeed();
            assert_eq!(up.stderr, "");
            let links = Program::new("ip").args(["-brief", "link"]).succeed().stdout;
            (number(), std::thread::spawn(number).join().unwrap(), links)
        });
        assert_eq!((number(), spawned), (outside, inside));
        assert_ne!(outside, inside);
        assert_eq!(told.lines().count(), 1, "{told}");
        // A socket stays where it was made.
        let listener = namespace.run(|| TcpListener::bind((Ipv4Addr::LOCALHOST, 7)).unwrap());
        let address = listener.local_addr().unwrap();
        namespace.run(|| TcpStream::connect(address).unwrap());
        assert!(TcpStream::connect(address).is_err());
    }

    #[test]
    fn nothing_is_left_of_it_even_after_a_panic() {
        if !permitted() {
            return;
        }
        let (sender, receiver) = std::sync::mpsc::channel();
        let panicked = std::thread::spawn(move || {
            let namespace = Namespace::new().unwrap();
            let _inside = namespace.enter();
            sender.send(number()).unwrap();
            panic!("as a test that fails (this one does not)");
        });
        let namespace = receiver.recv().unwrap();
        assert!(panicked.join().is_err());
        wait::until("the namespace to go", || (!exists(namespace)).then_some(()));
    }
}
