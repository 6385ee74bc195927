//! Limits of idleness, and lines of progress in mid-transfer (RFC 959, 4.2).

use super::*;

impl Bench {
    /// In, behind a balancer that counts payload alone: a line each 20 seconds.
    fn behind_a_balancer() -> Self {
        let mut bench = Self::logged_in();
        bench.demand(None, Some(20));
        bench
    }

    fn demand(&mut self, idle_limit: Option<u64>, progress: Option<u64>) {
        let limit = |seconds| IdleLimit {
            after: Duration::from_secs(seconds),
            reason: "the balancer closes after 60 s without payload, ingress.idle_timeout".into(),
        };
        self.session.on_keepalive(Keepalive {
            idle_limit: idle_limit.map(limit),
            progress: progress.map(Duration::from_secs),
        });
    }

    /// A transfer is open, and its 150 is read.
    fn transfer(&mut self, line: &str) {
        self.begin(line);
        self.open();
    }

    /// Time passes, and the owner does what it must; what was said meanwhile.
    fn pass(&mut self, seconds: u64, bytes: u64) -> String {
        let end = self.now + Duration::from_secs(seconds);
        let mut said = String::new();
        for _ in 0..100 {
            let Some(deadline) = self.session.next_deadline().filter(|&due| due <= end) else {
                break;
            };
            self.now = deadline.max(self.now);
            self.session.on_progress(bytes);
            self.session.on_timeout(self.now);
            said += &self.said();
        }
        assert!(self.session.next_deadline().is_none_or(|deadline| deadline > end));
        self.now = end;
        said
    }

    fn assert_closed(&mut self) {
        let asked: Vec<_> = std::iter::from_fn(|| self.session.poll()).collect();
        assert!(matches!(asked.last(), Some(Request::Close)), "{asked:?}");
        assert_eq!(self.say("NOOP"), "");
        assert_eq!(self.session.next_deadline(), None);
    }
}

#[test]
fn the_path_limits_idleness_and_says_so() {
    let mut bench = Bench::logged_in();
    bench.demand(Some(54), None);
    assert_eq!(bench.pass(53, 0), "");
    assert!(bench.say("NOOP").starts_with("200"));
    assert_eq!(bench.pass(53, 0), "");
    assert_eq!(
        bench.pass(1, 0),
        "421 Closing: no command for 54 seconds (the balancer closes after 60 s without payload, \
         ingress.idle_timeout).\r\n"
    );
    bench.assert_closed();
}

#[test]
fn the_lesser_limit_holds() {
    let mut bench = Bench::logged_in();
    bench.demand(Some(315), None);
    let reason = "(the balancer closes after 60 s without payload, ingress.idle_timeout)";
    let of_the_path = format!("The idle time-out is 315 seconds {reason}.");
    assert_eq!(bench.say("SITE IDLE"), format!("200 {of_the_path}\r\n"));
    assert!(bench.say("STAT").contains(&format!(" Idle time-out 315 seconds {reason}\r\n")));
    assert_eq!(bench.say("SITE IDLE 900"), format!("200 {of_the_path}\r\n"));
    assert_eq!(bench.say("SITE IDLE 60"), "200 The idle time-out is 60 seconds.\r\n");
    assert_eq!(bench.pass(60, 0), "421 Closing: no command for 60 seconds (timeouts.idle).\r\n");
    // A limit that goes leaves what the user wanted.
    let mut bench = Bench::logged_in();
    bench.demand(Some(54), None);
    bench.say("SITE IDLE 900");
    bench.demand(None, None);
    assert_eq!(bench.pass(899, 0), "");
    assert!(bench.pass(1, 0).starts_with("421"));
    // One that comes late holds at once.
    let mut bench = Bench::logged_in();
    assert_eq!(bench.pass(100, 0), "");
    bench.demand(Some(54), None);
    assert!(bench.pass(0, 0).contains("no command for 54 seconds"));
}

#[test]
fn the_limit_holds_before_the_login_too() {
    let mut bench = Bench::new();
    bench.demand(Some(54), None);
    assert_eq!(bench.pass(30, 0), "");
    assert!(bench.say("USER joe").starts_with("331"));
    // 30 + 54 is later than the time for the login.
    let said = bench.pass(30, 0);
    assert_eq!(said, "421 Closing: no login within 60 seconds (timeouts.login).\r\n");
    let mut bench = Bench::new();
    bench.demand(Some(54), None);
    assert!(bench.pass(54, 0).contains("ingress.idle_timeout"));
}

#[test]
fn bytes_on_the_data_connection_keep_a_session() {
    let mut bench = Bench::logged_in();
    bench.demand(Some(54), None);
    bench.transfer("RETR a");
    assert_eq!(bench.pass(100_000, 1), "");
    bench.answer(Outcome::TransferEnded(Ok(1)));
    assert_eq!(bench.said(), "226 Transfer complete.\r\n");
    // From its end on a whole limit is left.
    assert_eq!(bench.pass(53, 0), "");
    assert!(bench.pass(1, 0).starts_with("421"));
}

#[test]
fn progress_is_told_within_the_final_reply() {
    for line in ["RETR a", "STOR a", "APPE a", "LIST", "NLST", "MLSD"] {
        let mut bench = Bench::behind_a_balancer();
        bench.begin(line);
        assert_eq!(bench.pass(100, 0), "", "no 150, no line");
        bench.open();
        assert_eq!(bench.pass(19, 5), "");
        assert_eq!(bench.pass(1, 6), "226-6 bytes so far.\r\n");
        assert_eq!(bench.pass(19, 6), "");
        assert_eq!(bench.pass(21, 7), "226-7 bytes so far.\r\n226-7 bytes so far.\r\n");
        bench.answer(Outcome::TransferEnded(Ok(8)));
        assert_eq!(bench.said(), "226 Transfer complete.\r\n");
        assert!(bench.session.poll().is_none());
        assert!(bench.say("NOOP").starts_with("200"));
        // The next one begins anew.
        bench.transfer(line);
        bench.answer(Outcome::TransferEnded(Err(Failure::DataBroken)));
        assert!(bench.said().starts_with("426"));
        assert!(bench.say("NOOP").starts_with("200"));
    }
}

#[test]
fn the_name_that_stou_made_ends_the_reply() {
    let mut bench = Bench::behind_a_balancer();
    bench.begin("STOU a");
    bench.answer(Outcome::TransferOpened { size: None, name: Some(path("/a.1")) });
    assert_eq!(bench.said(), "150 FILE: /a.1\r\n");
    assert_eq!(bench.pass(20, 1), "226-1 bytes so far.\r\n");
    bench.answer(Outcome::TransferNamed(path("/a.2")));
    bench.answer(Outcome::TransferEnded(Ok(1)));
    assert_eq!(bench.said(), "226 Transfer complete. FILE: /a.2\r\n");
}

#[test]
fn a_failure_after_the_first_line_closes_without_an_end() {
    for failure in [Failure::DataBroken, Failure::NoSpace, Failure::Stopping, Failure::Internal] {
        let mut bench = Bench::behind_a_balancer();
        bench.transfer("STOR a");
        bench.line("PWD");
        bench.pass(20, 1);
        let expected = format!("226-Transfer failed: {}\r\n", failure.text());
        bench.answer(Outcome::TransferEnded(Err(failure)));
        assert_eq!(bench.said(), expected);
        bench.assert_closed();
    }
    // Before the first line a failure is what it was.
    let mut bench = Bench::behind_a_balancer();
    bench.transfer("STOR a");
    bench.pass(19, 1);
    bench.answer(Outcome::TransferEnded(Err(Failure::NoSpace)));
    assert!(bench.said().starts_with("552 "));
    assert!(bench.say("NOOP").starts_with("200"));
}

#[test]
fn other_replies_put_lines_off_and_wait_behind_them() {
    let mut bench = Bench::behind_a_balancer();
    bench.transfer("RETR a");
    assert_eq!(bench.pass(15, 1), "");
    assert!(bench.say("NOOP").starts_with("200"));
    assert_eq!(bench.pass(15, 1), "");
    assert!(bench.say("STAT").starts_with("213"));
    assert_eq!(bench.pass(19, 1), "");
    assert_eq!(bench.pass(1, 2), "226-2 bytes so far.\r\n");
    // Within the reply another one would be a part of it.
    assert_eq!(bench.say("NOOP"), "");
    assert_eq!(bench.say("STAT"), "");
    assert_eq!(bench.pass(20, 3), "226-3 bytes so far.\r\n");
    bench.answer(Outcome::TransferEnded(Ok(4)));
    let said = bench.said();
    assert!(said.starts_with("226 Transfer complete.\r\n200 OK\r\n211-"), "{said}");
    assert!(bench.say("NOOP").starts_with("200"));
}

#[test]
fn an_abort_is_told_if_it_can_be() {
    // Before the first line: 426 and 226, however long the abort takes.
    let mut bench = Bench::behind_a_balancer();
    bench.transfer("RETR a");
    assert_eq!(bench.say("ABOR"), "");
    assert!(matches!(bench.session.poll(), Some(Request::Abort)));
    assert_eq!(bench.pass(100, 1), "");
    bench.answer(Outcome::TransferEnded(Err(Failure::Aborted)));
    let said = bench.said();
    let codes: Vec<_> = said.lines().map(|line| &line[..4]).collect();
    assert_eq!(codes, ["426 ", "226 "]);
    // After it the connection ends.
    let mut bench = Bench::behind_a_balancer();
    bench.transfer("RETR a");
    bench.pass(20, 1);
    assert_eq!(bench.say("ABOR"), "");
    assert!(matches!(bench.session.poll(), Some(Request::Abort)));
    bench.answer(Outcome::TransferEnded(Err(Failure::Aborted)));
    assert_eq!(bench.said(), format!("226-Transfer failed: {}\r\n", Failure::Aborted.text()));
    bench.assert_closed();
    // Unless the transfer was complete before the abort.
    let mut bench = Bench::behind_a_balancer();
    bench.transfer("RETR a");
    bench.pass(20, 1);
    bench.line("ABOR");
    bench.answer(Outcome::TransferEnded(Ok(1)));
    let said = bench.said();
    assert!(said.starts_with("226 Transfer complete.\r\n226 ABOR done"), "{said}");
}

#[test]
fn quit_waits_for_the_end_of_the_reply() {
    let mut bench = Bench::behind_a_balancer();
    bench.transfer("RETR a");
    bench.pass(20, 1);
    assert_eq!(bench.say("QUIT"), "");
    bench.answer(Outcome::TransferEnded(Ok(1)));
    assert_eq!(bench.said(), "226 Transfer complete.\r\n221 Goodbye.\r\n");
    bench.assert_closed();
    let mut bench = Bench::behind_a_balancer();
    bench.transfer("RETR a");
    bench.pass(20, 1);
    bench.line("QUIT");
    bench.answer(Outcome::TransferEnded(Err(Failure::DataBroken)));
    assert!(bench.said().lines().all(|line| line.starts_with("226-")));
    bench.assert_closed();
}

#[test]
fn a_stop_and_a_kick_while_lines_run() {
    let mut bench = Bench::behind_a_balancer();
    bench.transfer("RETR a");
    bench.pass(20, 1);
    bench.session.on_stop("over", bench.now);
    assert_eq!(bench.pass(20, 2), "226-2 bytes so far.\r\n");
    bench.answer(Outcome::TransferEnded(Ok(1)));
    assert_eq!(bench.said(), "226 Transfer complete.\r\n421 over\r\n");
    bench.assert_closed();
    // A kick aborts; its text would stand within the reply that has no end.
    let mut bench = Bench::behind_a_balancer();
    bench.transfer("RETR a");
    bench.pass(20, 1);
    bench.session.on_kick("out", bench.now);
    assert_eq!(bench.pass(100, 2), "");
    assert!(matches!(bench.session.poll(), Some(Request::Abort)));
    bench.answer(Outcome::TransferEnded(Err(Failure::Aborted)));
    assert!(bench.said().lines().all(|line| line.starts_with("226-")));
    bench.assert_closed();
    // One that comes before the first line is told.
    let mut bench = Bench::behind_a_balancer();
    bench.transfer("RETR a");
    bench.session.on_kick("out", bench.now);
    assert_eq!(bench.pass(100, 2), "");
    bench.answer(Outcome::TransferEnded(Err(Failure::Aborted)));
    let said = bench.said();
    assert!(said.starts_with("426 ") && said.ends_with("421 out\r\n"), "{said}");
}

#[test]
fn another_policy_in_mid_transfer() {
    // Lines begin.
    let mut bench = Bench::logged_in();
    bench.transfer("RETR a");
    assert_eq!(bench.pass(100, 1), "");
    bench.demand(None, Some(20));
    assert_eq!(bench.pass(0, 2), "226-2 bytes so far.\r\n");
    assert_eq!(bench.pass(20, 3), "226-3 bytes so far.\r\n");
    // They come less often.
    bench.demand(None, Some(50));
    assert_eq!(bench.pass(49, 3), "");
    assert_eq!(bench.pass(1, 4), "226-4 bytes so far.\r\n");
    // They end, which the reply does not.
    bench.demand(Some(54), None);
    assert_eq!(bench.pass(100, 4), "");
    assert_eq!(bench.say("NOOP"), "");
    bench.answer(Outcome::TransferEnded(Err(Failure::DataBroken)));
    assert_eq!(bench.said(), format!("226-Transfer failed: {}\r\n", Failure::DataBroken.text()));
    bench.assert_closed();
}

#[test]
fn a_protected_control_connection_gets_no_lines() {
    let mut bench = Bench::new();
    bench.line("AUTH TLS");
    assert!(matches!(bench.session.poll(), Some(Request::StartTls)));
    bench.answer(Outcome::Secured(Ok(false)));
    bench.said();
    bench.log_in();
    bench.demand(None, Some(20));
    bench.transfer("RETR a");
    assert_eq!(bench.session.next_deadline(), None);
    assert_eq!(bench.pass(1000, 1), "");
    assert!(bench.say("NOOP").starts_with("200"));
    bench.answer(Outcome::TransferEnded(Err(Failure::DataBroken)));
    assert!(bench.said().starts_with("426"));
}

#[test]
fn a_client_that_does_not_read_gets_no_more_lines() {
    let mut bench = Bench::behind_a_balancer();
    bench.transfer("RETR a");
    for _ in 0..1000 {
        bench.now = bench.session.next_deadline().unwrap();
        bench.session.on_timeout(bench.now);
        assert!(bench.session.next_deadline() > Some(bench.now));
    }
    assert_eq!(bench.said(), "226-0 bytes so far.\r\n");
}

#[test]
fn no_demand_makes_the_owner_spin() {
    let mut bench = Bench::logged_in();
    bench.demand(None, Some(0));
    bench.transfer("RETR a");
    assert_eq!(bench.session.next_deadline(), Some(bench.now + PROGRESS_INTERVAL_MIN));
    assert_eq!(bench.pass(1, 1).lines().count(), 10);
}
