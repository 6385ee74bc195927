//! The thread that looks at the users file where looking can take long, and reads it.
//!
//! Its stack of questions is bounded and whoever asks waits [`PATIENCE`] at most. While it is behind
//! (a file server hangs) nobody waits any more: they go on with what is known. All who asked before
//! a look began are answered by it, so a hundred logins at once cost one.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;

use super::live::Inner;

/// The way to the thread, which is started when it is first asked. It ends with the last asker.
#[derive(Debug, Default)]
pub(super) struct Lookout {
    questions: Mutex<Option<SyncSender<Question>>>,
    behind: Arc<AtomicBool>,
}

/// Somebody waits for a look at the file.
type Question = oneshot::Sender<()>;

impl Lookout {
    /// Has the file looked at, and waits until that is done or takes too long.
    pub(super) async fn look(&self, users: &Arc<Inner>) {
        let (question, answer) = oneshot::channel();
        let Ok(questions) = self.questions(users) else {
            return tracing::error!("no thread can be started to look at the users file");
        };
        // Full only while the thread is behind.
        if questions.try_send(question).is_err() || self.behind.load(Ordering::Relaxed) {
            return;
        }
        if tokio::time::timeout(PATIENCE, answer).await.is_err()
            && !self.behind.swap(true, Ordering::Relaxed)
        {
            tracing::error!("the users file does not answer, the last one stays in force");
        }
    }

    fn questions(&self, users: &Arc<Inner>) -> io::Result<SyncSender<Question>> {
        let mut questions = self.questions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(questions) = &*questions {
            return Ok(questions.clone());
        }
        let (sender, receiver) = sync_channel(QUESTIONS_MAX);
        let (users, behind) = (Arc::downgrade(users), Arc::clone(&self.behind));
        thread::Builder::new()
            .name("users-file".to_owned())
            .spawn(move || answer(&receiver, &users, &behind))?;
        Ok(questions.insert(sender).clone())
    }
}

fn answer(questions: &Receiver<Question>, users: &Weak<Inner>, behind: &AtomicBool) {
    while let Ok(first) = questions.recv() {
        let mut asked = vec![first];
        asked.extend(questions.try_iter().take(QUESTIONS_MAX));
        let Some(users) = users.upgrade() else { return };
        users.look();
        drop(users);
        if behind.swap(false, Ordering::Relaxed) {
            tracing::info!("the users file answers again");
        }
        for question in asked {
            // The asker may have gone.
            let _ = question.send(());
        }
    }
}

/// How long a login waits: far longer than a file server that is well, and shorter than clients wait.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// Logins that ask while one look goes on; more go on without.
const QUESTIONS_MAX: usize = 1024;
