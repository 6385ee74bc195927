//! `flotilla aws listeners`: which listeners the pool needs at its balancer.

use clap::Args;
use flotilla_cluster::aws::balancers::Balancers;
use flotilla_cluster::balancer::{Kind, Listing, ListingWant, Sharing};
use serde_json::json;

use super::super::listing::listing_want;
use super::super::print;
use super::super::remote::RemoteArgs;
use super::super::table::json as as_json;
use super::{Form, Site, command, nodes};
use crate::cloud::balancers::{own_ids, read, want};
use crate::config::{self, BalancerSource, Config};
use crate::error::ServeError;

/// `flotilla aws listeners`.
#[derive(Debug, Args)]
pub struct ListenersArgs {
    /// Whose configuration, and the node that tells of the others.
    #[command(flatten)]
    pub remote: RemoteArgs,
    /// Each passive port leads to one node, instead of all: for nodes that stay.
    #[arg(long)]
    pub single: bool,
    /// Look at AWS which listeners there are already; otherwise nothing is asked there.
    #[arg(long)]
    pub present: bool,
    /// How they are printed.
    #[command(flatten)]
    pub form: Form,
}

/// Prints them.
///
/// # Errors
/// The configuration, or what there is already, can not be read.
pub(super) async fn run(args: &ListenersArgs) -> Result<(), ServeError> {
    let (wanted, note) = match args.present {
        true => present(args).await?,
        false => {
            let (config, _) = args.remote.config.load()?;
            let (nodes, note) = nodes(&args.remote);
            let known = nodes.into_iter().filter_map(|node| node.instance).collect();
            (wanted(&config, known, args), note)
        }
    };
    let mut listing = Listing::new(&wanted);
    listing.notes.extend(note);
    let text = match args.form {
        Form { json: true, .. } => as_json(&json!(listing)),
        Form { commands: true, .. } => {
            listing.commands().iter().map(|words| command(words)).collect()
        }
        Form { terraform: true, .. } => listing.terraform(),
        _ => listing.to_string(),
    };
    print(&text)
}

/// With what the first balancer has that is found.
async fn present(args: &ListenersArgs) -> Result<(ListingWant, Option<String>), ServeError> {
    let Site { config, settled, session, nodes, note, .. } = Site::open(&args.remote).await?;
    let known: Vec<String> = nodes.iter().filter_map(|node| node.instance.clone()).collect();
    let want = want(&config, own_ids(&config, settled.instance.as_ref()));
    let ids = want.ids.iter().chain(&known).cloned().collect();
    let state = read(&Balancers::new(&session), &config, ids, settled.instance.as_ref()).await;
    let state = state.map_err(|trouble| ServeError::Runtime(trouble.to_string()))?;
    let wanted = wanted(&config, known, args);
    let usable = |kind| matches!(kind, Kind::Network | Kind::Classic);
    Ok(match state.balancers.iter().find(|balancer| usable(balancer.kind)) {
        Some(balancer) => (wanted.with(balancer), note),
        None => {
            let none = "no load balancer was found".to_owned();
            (wanted, Some(note.map_or(none.clone(), |note| format!("{none}; {note}"))))
        }
    })
}

/// By the configuration alone.
fn wanted(config: &Config, mut nodes: Vec<String>, args: &ListenersArgs) -> ListingWant {
    nodes.retain(|node| !node.is_empty());
    nodes.sort_unstable();
    ListingWant {
        kind: match config.ingress.balancer {
            config::Balancer::Classic => Kind::Classic,
            config::Balancer::None | config::Balancer::Network => Kind::Network,
        },
        balancer: match &config.aws.balancer {
            BalancerSource::Named(name) => name.clone(),
            BalancerSource::Auto | BalancerSource::Off => String::new(),
        },
        nodes,
        sharing: if args.single { Sharing::Single } else { Sharing::Shared },
        ..listing_want(config)
    }
}
