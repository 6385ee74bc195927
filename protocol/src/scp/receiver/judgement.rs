//! The end of a file: what the client says of it, and what becomes of it.

use super::upload::Upload;
use super::{Phase, Receiver};
use crate::failure::Failure;
use crate::scp::{LINE_BYTES_MAX, Request};

/// What the client says of a file that it has sent.
#[derive(Clone, Copy, Debug)]
pub(super) enum Judgement {
    Good,
    /// The client could not read it all, and filled it up.
    Bad,
    /// As above, and the client ends.
    Fatal,
    /// Neither of these: the protocol is broken.
    Garbage,
    /// The client ended before the file did.
    BrokenOff,
}

impl Judgement {
    /// What came is the true beginning of the file, or all of it.
    pub(super) fn trusts_bytes(self) -> bool {
        matches!(self, Self::Good | Self::BrokenOff)
    }
}

impl Receiver {
    pub(super) fn written(
        &mut self,
        mut upload: Upload,
        result: Result<(), Failure>,
        keep: bool,
    ) -> Upload {
        if upload.on_written(result) {
            self.abandon = Some(keep);
        }
        upload
    }

    /// Takes the byte behind a file, and the line that comes with it if it is not 0.
    pub(super) fn take_judgement(&mut self, bytes: &[u8]) -> usize {
        let (taken, judgement) = match (self.line.first(), bytes.first()) {
            (None, Some(0)) => (1, Some(Judgement::Good)),
            (Some(&first), _) | (None, Some(&first)) => {
                let (taken, whole) = self.gather(bytes);
                let judgement = match first {
                    1 if whole => Some(Judgement::Bad),
                    2 if whole => Some(Judgement::Fatal),
                    1 | 2 if self.line.len() <= LINE_BYTES_MAX => None,
                    _ => Some(Judgement::Garbage),
                };
                (taken, judgement)
            }
            (None, None) => (0, None),
        };
        if let Some(judgement) = judgement {
            self.line.clear();
            self.judge(judgement);
        }
        taken
    }

    pub(super) fn judge(&mut self, judgement: Judgement) {
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Data(mut upload) | Phase::Judging(mut upload) => {
                if !judgement.trusts_bytes() {
                    upload.drop_pending();
                }
                self.phase = Phase::Settling(upload, judgement);
            }
            phase => self.phase = phase,
        }
    }

    /// Everything is written that is to be.
    pub(super) fn conclude(&mut self, upload: Upload, judgement: Judgement) {
        let Upload { path, change, failure, .. } = upload;
        if failure.is_none() && !matches!(judgement, Judgement::Good) {
            self.abandon = Some(judgement.trusts_bytes());
        }
        match (judgement, failure) {
            (Judgement::Good, None) => {
                self.request = Some(Request::Finish { change });
                self.phase = Phase::Finishing(path);
            }
            (Judgement::Good, Some(failure)) => self.refuse(path.as_bytes(), &failure),
            (Judgement::Bad, _) => {
                self.warn(path.as_bytes(), "not kept, since it could not be read whole");
            }
            (Judgement::Garbage, _) => {
                self.fatal(None, "protocol error: expected the end of a file")
            }
            (Judgement::Fatal | Judgement::BrokenOff, _) => {
                self.failed = true;
                self.phase = Phase::Over;
            }
        }
    }
}
