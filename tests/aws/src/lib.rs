//! A strict fake of the parts of AWS that Flotilla uses: what AWS refuses is refused with the same code, and what the
//! fake does not know is refused too, so that no test passes by what was ignored.
//!
//! # In a test
//!
//! ```no_run
//! use flotilla_aws_fake::api::Service;
//! use flotilla_aws_fake::ec2::NewInstance;
//! use flotilla_aws_fake::{Fault, Fake, Kind, Settings};
//!
//! let fake = Fake::start(Settings { pending_ms: 100, ..Settings::default() })?;
//! let zone = fake.world().add_zone("example.com")?;
//! let wanted = NewInstance { public: Some([203, 0, 113, 1].into()), ..NewInstance::default() };
//! let (instance, metadata) = fake.add_instance(wanted)?;
//! // A node gets fake.url() as [aws] endpoint and metadata as [aws] metadata, and its credentials from there.
//! fake.world().add_fault(Fault::new(Kind::Refuse).service(Service::Ec2).action("Describe*"));
//! let refused = fake.world().log.since(0).filter(|call| call.outcome != "ok").count();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Route 53 is signed for `us-east-1`, wherever its callers are: clients know that by themselves, but not where they
//! are told the address of the service, as here.
//!
//! [`Fake::world`] locks the whole state, whose fields are open to tests: records, checks, groups, instances. All
//! services share one address; which one is asked is told by the credential scope. [`Fake::dns`] is a name server
//! over UDP that `dig` can ask. Networks of a test: sockets made in a namespace stay in it, so make them there
//! and give them to [`Fake::start_on`] and [`Fake::serve_metadata`]; checkers connect from where `start_on` was
//! called.
//!
//! # In another process
//!
//! `aws-fake '{"api_port":4000}'` prints `{"url":...,"dns":...}` and runs until it is ended. Under `/fake/`, in JSON:
//!
//! | request | what |
//! | --- | --- |
//! | `GET calls?since=N`, `GET calls/metadata?since=N` | the log ([`Entry`]) |
//! | `POST faults`, `DELETE faults`, `DELETE faults/N` | a [`Fault`]: `{"service":"route53","action":"Change*","kind":"throttle","times":3}` |
//! | `POST instances` | [`ec2::NewInstance`]; answers `instance` and `metadata` |
//! | `POST instances/ID` | `{"event":"spot","action":"terminate","within_ms":120000}`, or `rebalance`, `lifecycle` with `state`, `address` with `public`, `terminate`, `credentials` |
//! | `POST networks` | `{"cidr":"172.31.0.0/16","default":true}` |
//! | `POST balancers` | [`balancing::NewBalancer`]; answers `balancer` |
//! | `POST target-groups`, `POST listeners` | [`balancing::NewTargetGroup`]; `{"balancer":...,"port":21,"target_group":...}` |
//! | `POST target-health` | `{"target_group":...,"target":"i-...","health":"unhealthy"}` |
//! | `POST classics` | [`classic::Classic`] |
//! | `POST scaling-groups` | `{"name":"g","hooks":[{"name":"drain","heartbeat":60}]}` ([`scaling::Hook`]) |
//! | `POST scaling-groups/NAME/join/ID`, `.../scale-in/ID` | an instance becomes a member, or is to go |
//! | `POST zones` | `{"name":"example.com"}` |
//! | `POST client` | where DNS clients are ([`route53::Client`]) |
//! | `POST reach` | `{"203.0.113.1":"127.0.0.2"}`: how checkers reach a public address |
//! | `POST settings` | some of [`Settings`], other than addresses |
//! | `GET world` | the state |

pub mod api;
pub mod balancing;
mod bucket;
mod chance;
pub mod classic;
mod clock;
mod control;
pub mod ec2;
mod fake;
mod fault;
mod http;
mod identity;
mod log;
mod metadata;
mod page;
mod parameters;
mod problem;
pub mod route53;
pub mod scaling;
mod settings;
mod shared;
mod world;
mod xml;

pub use self::bucket::{Buckets, Size};
pub use self::chance::Chance;
pub use self::fake::Fake;
pub use self::fault::{Fault, Faults, Kind};
pub use self::http::{Answer, Outcome, Request};
pub use self::identity::Identity;
pub use self::log::{Entry, Log};
pub use self::metadata::Tokens;
pub use self::parameters::Parameters;
pub use self::problem::Problem;
pub use self::settings::Settings;
pub use self::world::World;
