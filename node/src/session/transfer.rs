//! One transfer, from the machine's request to its result: open the file, get the data connection, say so,
//! move the bytes.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context as Task, Poll};
use std::time::Instant;

use flotilla_cluster::session::Direction;
use flotilla_protocol::ftp::{
    Failure, ListRequest, Outcome, StoreMode, TransferKind, TransferRequest,
};
use flotilla_protocol::path::VirtualPath;

use super::actor::Session;
use super::ending::{self, Loss};
use super::link::{Link, Protection};
use super::operation::open_listing;
use super::trace::{self, Story};
use crate::config::{Networks, Proxy};
use crate::data::{Download, Progress, Terms, receive, send};
use crate::files::Files;
use crate::log::About;
use crate::metrics::TransferDirection;
use crate::ports::Grant;
use crate::roster::{Moving, Subject, Transfer};
use crate::storage::{CreateMode, CreateOptions, Sink, Source, Storage};
use crate::telemetry::{self, Context};
use crate::worker::Worker;

/// A transfer under way. Dropped, it is aborted, and nobody hears when that is done.
pub(super) struct OpenTransfer {
    future: Pin<Box<dyn Future<Output = Result<u64, Failure>>>>,
    shared: Rc<Shared>,
    /// For those who watch the node.
    moving: Moving,
    /// The session and the path, for the log.
    pub(super) about: Arc<About>,
    pub(super) kind: Kind,
    pub(super) ascii: bool,
    /// The verb.
    pub(super) command: &'static str,
    /// Passive or active.
    pub(super) route: &'static str,
    /// How its data connection came about.
    pub(super) story: Option<Rc<Story>>,
}

/// What a transfer is, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// RETR.
    Download,
    /// STOR, APPE, STOU.
    Upload,
    /// LIST, NLST, MLSD.
    Listing,
}

impl Kind {
    /// What is asked for.
    pub(super) fn of(request: &TransferKind) -> Self {
        match request {
            TransferKind::Retrieve { .. } => Self::Download,
            TransferKind::Store { .. } => Self::Upload,
            TransferKind::List(_) => Self::Listing,
        }
    }

    /// For the metrics.
    pub(super) fn direction(self) -> TransferDirection {
        match self {
            Self::Download => TransferDirection::Download,
            Self::Upload => TransferDirection::Upload,
            Self::Listing => TransferDirection::Listing,
        }
    }
}

/// What the transfer and its session tell each other.
struct Shared {
    progress: Rc<Progress>,
    /// The 150, or the name after it, that the machine has not heard of yet.
    news: RefCell<Option<Outcome>>,
    /// The end of the control connection, if it has come.
    loss: Cell<Option<Loss>>,
    /// The client or the node wants it to end.
    aborted: Cell<bool>,
}

impl OpenTransfer {
    /// Prepares the transfer; it runs when it is polled. `None` without a login, which the machine rules out.
    pub(super) fn new(
        session: &Session,
        request: TransferRequest,
        passive: Option<Grant>,
        now: Instant,
    ) -> Option<Self> {
        let login = session.login.as_ref()?;
        let span = session.totals.trace.part();
        let config = &session.policy.config;
        let (command, route) = (session.machine.verb(), trace::route(request.route));
        let story = telemetry::is_on().then(Rc::<Story>::default);
        let link = link(session, &request, passive, span, story.clone());
        let direction = Kind::of(&request.kind).direction();
        let counted = session.worker.metrics.transfers.bytes.of((session.protocol(), direction));
        let shared = Rc::new(Shared {
            progress: Rc::new(Progress::counted(now, counted.clone())),
            news: RefCell::new(None),
            loss: Cell::new(session.loss),
            aborted: Cell::new(false),
        });
        if story.is_some() {
            shared.progress.measure();
        }
        let (kind, path, rate) = match &request.kind {
            TransferKind::Retrieve { path, .. } => {
                (Kind::Download, path, login.download_rate.clone())
            }
            TransferKind::Store { path, .. } => (Kind::Upload, path, login.upload_rate.clone()),
            TransferKind::List(list) => (Kind::Listing, &list.path, None),
        };
        let about = session.about.part(span, path);
        let direction = match kind {
            Kind::Upload => Direction::Upload,
            Kind::Download | Kind::Listing => Direction::Download,
        };
        let moving = session.place.as_ref()?.follow(Transfer {
            command,
            direction,
            subject: Subject::About(Arc::clone(&about)),
            progress: Rc::clone(&shared.progress),
        });
        let terms =
            Terms { stalled: config.timeouts.stalled, rate, progress: Rc::clone(&shared.progress) };
        let ascii = request.ascii;
        let run = Run {
            files: login.files.clone(),
            link,
            terms,
            shared: Rc::clone(&shared),
            ascii,
            is_spliced: session.is_spliced,
            worker: Rc::clone(&session.worker),
        };
        let future: Pin<Box<dyn Future<Output = _>>> = match request.kind {
            TransferKind::Retrieve { path, offset, length } => {
                Box::pin(run.retrieve(path, offset, length))
            }
            TransferKind::Store { path, mode, expected } => {
                Box::pin(run.store(path, mode, expected))
            }
            TransferKind::List(list) => Box::pin(run.list(list)),
        };
        Some(Self { future, shared, moving, about, kind, ascii, command, route, story })
    }

    pub(super) fn poll(&mut self, task: &mut Task<'_>) -> Poll<Result<u64, Failure>> {
        let _scope = self.about.enter();
        self.future.as_mut().poll(task)
    }

    /// What the machine must hear before the end of this transfer.
    pub(super) fn take_news(&mut self) -> Option<Outcome> {
        let news = self.shared.news.borrow_mut().take();
        if let Some(
            Outcome::TransferOpened { name: Some(name), .. } | Outcome::TransferNamed(name),
        ) = &news
        {
            self.about = self.about.on(name);
            self.moving.is_about(Subject::About(Arc::clone(&self.about)));
        }
        news
    }

    /// Ends it: at its next poll, but an upload only when what is kept of it is settled, so that
    /// the next command finds it. `false`: there is nothing to wait for, and it may be dropped.
    pub(super) fn abort(&self) -> bool {
        self.shared.aborted.set(true);
        matches!(self.kind, Kind::Upload)
    }

    /// The control connection ended while the transfer runs.
    pub(super) fn control_lost(&self, loss: Loss) {
        self.shared.loss.set(Some(loss));
    }

    /// Whether the control connection ended before the transfer did.
    pub(super) fn lost_control(&self) -> bool {
        self.shared.loss.get().is_some()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.shared.progress.bytes()
    }

    pub(super) fn started(&self) -> Instant {
        self.shared.progress.started()
    }

    pub(super) fn progress(&self) -> &Progress {
        &self.shared.progress
    }
}

/// The data connection that a request wants.
fn link(
    session: &Session,
    request: &TransferRequest,
    passive: Option<Grant>,
    trace: Context,
    story: Option<Rc<Story>>,
) -> Link {
    let config = &session.policy.config;
    Link {
        route: request.route,
        passive,
        local: session.local.ip(),
        timeout: config.timeouts.data_connect,
        protection: request.protected.then(|| protection(session)),
        headless: match config.ingress.data_proxy_protocol {
            Proxy::Off => config.ingress.balancers.clone(),
            _ => Networks::default(),
        },
        is_headless: false,
        trace,
        story,
    }
}

/// For PROT P.
fn protection(session: &Session) -> Protection {
    let ftp = &session.policy.config.ftp;
    Protection {
        config: session.worker.tls.data(session.host_name()),
        key: session.key,
        reuse: ftp.data_reuse,
        strangers: ftp.data_peer == crate::config::DataPeer::Tls,
        metrics: Arc::clone(&session.worker.metrics),
    }
}

/// The parts of a transfer that its future owns.
struct Run {
    files: Files,
    link: Link,
    terms: Terms,
    shared: Rc<Shared>,
    ascii: bool,
    /// A balancer makes the connections of this client.
    is_spliced: bool,
    worker: Rc<Worker>,
}

impl Run {
    async fn retrieve(
        mut self,
        path: VirtualPath,
        offset: u64,
        length: Option<u64>,
    ) -> Result<u64, Failure> {
        let source: Arc<dyn Source> =
            self.terms.progress.stored(self.files.open(&path)).await?.into();
        let size = source.attributes().size;
        let rest = size.checked_sub(offset).ok_or(Failure::BadOffset)?;
        let told = length.map_or(rest, |length| length.min(rest));
        let shared = Rc::clone(&self.shared);
        let opened = || shared.open(Some(told), None);
        let connection = self.link.open(opened).await?;
        let download = Download { offset, length, ascii: self.ascii };
        send(connection, source, download, &self.terms).await
    }

    async fn store(
        mut self,
        path: VirtualPath,
        mode: StoreMode,
        expected: u64,
    ) -> Result<u64, Failure> {
        let mode = match mode {
            StoreMode::Replace => CreateMode::Replace,
            StoreMode::Resume(offset) => CreateMode::Resume(offset),
            StoreMode::Append => CreateMode::Append,
            StoreMode::Unique => CreateMode::Unique,
        };
        let options = CreateOptions { expected, ..CreateOptions::new(mode) };
        let sink: Arc<dyn Sink> =
            self.terms.progress.stored(self.files.create(&path, options)).await?.into();
        let shared = Rc::clone(&self.shared);
        let name = (mode == CreateMode::Unique).then(|| sink.path().clone());
        let received = shared.unless_aborted(self.take(Arc::clone(&sink), name)).await;
        if received.is_err()
            && let Err(failure) = sink.abandon().await
        {
            tracing::warn!(?failure, "what is kept of an upload is not settled in time");
        }
        received
    }

    async fn take(
        &mut self,
        sink: Arc<dyn Sink>,
        name: Option<VirtualPath>,
    ) -> Result<u64, Failure> {
        let shared = Rc::clone(&self.shared);
        let promised = name.clone();
        let published = Arc::clone(&sink);
        let opened = || shared.open(None, name);
        let mut connection = self.link.open(opened).await?;
        self.link.refuse_header(&mut connection, self.terms.stalled, &self.worker).await?;
        // Under TLS the end of the stream is proved by itself.
        let is_proved = self.link.protection.is_some();
        let (shared, is_spliced) = (Rc::clone(&self.shared), self.is_spliced);
        let at_end = async move || match is_proved {
            true => Ok(()),
            false => shared.judge_end(is_spliced).await,
        };
        let done = receive(connection, sink, self.ascii, at_end, &self.terms).await?;
        if promised.is_some_and(|promised| promised != *published.path()) {
            self.shared.rename(published.path());
        }
        Ok(done.bytes)
    }

    async fn list(mut self, request: ListRequest) -> Result<u64, Failure> {
        let listing = self.terms.progress.stored(open_listing(self.files, &request)).await?;
        let shared = Rc::clone(&self.shared);
        let opened = || shared.open(None, None);
        let connection = self.link.open(opened).await?;
        listing.send(connection, &self.terms).await
    }
}

impl Shared {
    fn open(&self, size: Option<u64>, name: Option<VirtualPath>) {
        *self.news.borrow_mut() = Some(Outcome::TransferOpened { size, name });
    }

    /// The name that a unique upload got in the end.
    fn rename(&self, published: &VirtualPath) {
        let mut news = self.news.borrow_mut();
        match &mut *news {
            // The 150 is not out yet.
            Some(Outcome::TransferOpened { name, .. }) => *name = Some(published.clone()),
            _ => *news = Some(Outcome::TransferNamed(published.clone())),
        }
    }

    /// Runs a part of a transfer that ends where it stands when the transfer is aborted. The
    /// session, which aborts, polls the transfer right after that.
    async fn unless_aborted<T>(
        &self,
        part: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let mut part = std::pin::pin!(part);
        std::future::poll_fn(|task| match self.aborted.get() {
            true => Poll::Ready(Err(Failure::Aborted)),
            false => part.as_mut().poll(task),
        })
        .await
    }

    /// Whether the end of a clear data stream, which has just come, is the end of the file.
    async fn judge_end(&self, is_spliced: bool) -> Result<(), Failure> {
        let end = Instant::now();
        ending::settle(is_spliced).await;
        ending::judge(self.loss.get(), end)
    }
}
