//! Load balancers.

use flotilla_cluster::aws::Trouble;
use flotilla_cluster::aws::balancers::Balancers;
use flotilla_cluster::balancer::{
    Change, Finding, Node, Severity, check, instances, plan_pool, strangers,
};
use flotilla_cluster::dns::removals_max;
use flotilla_cluster::member::{Load, Member, Standing};
use serde_json::{Value, json};

use super::{Outcome, Section, Site};
use crate::cli::remote::answer;
use crate::cli::table::clean;
use crate::cloud::balancers::{carry_out, own_ids, permitted, read, want};
use crate::config::BalancerSource;
use crate::pool::nodes;

/// What was seen, and what is to be done.
pub(super) struct Look {
    balancers: Balancers,
    findings: Vec<Finding>,
    changes: Vec<Change>,
    notes: Vec<String>,
}

/// Looks. What can not be read is a note: nothing else depends on it. `asked`: changes are wanted, whatever
/// `aws.balancer_changes` says.
pub(super) async fn look(site: &Site, asked: bool) -> Look {
    let mut look = Look::new(site);
    if site.config.aws.balancer == BalancerSource::Off {
        return look;
    }
    if let Err(trouble) = look.fill(site, asked).await {
        look.notes.push(format!("load balancers can not be read: {trouble}"));
    }
    look
}

impl Look {
    fn new(site: &Site) -> Self {
        Self {
            balancers: Balancers::new(&site.session),
            findings: Vec::new(),
            changes: Vec::new(),
            notes: Vec::new(),
        }
    }

    async fn fill(&mut self, site: &Site, asked: bool) -> Result<(), Trouble> {
        let config = &site.config;
        let instance = site.settled.instance.as_ref();
        let want = want(config, own_ids(config, instance));
        let known: Vec<Node> = site.nodes.iter().map(node).collect();
        let all = want.ids.iter().chain(known.iter().flat_map(|node| &node.ids)).cloned();
        let state = read(&self.balancers, config, all.collect(), instance).await?;
        self.findings = check(&state, &want);
        let living = site.nodes.iter().filter(|node| node.state != "dead");
        let nodes: Vec<Node> = living.map(node).collect();
        let mut permitted = permitted(config, asked, Vec::new());
        // Who is no node that is known may be one that is not known.
        if permitted.changes && !nodes.is_empty() {
            let asked = strangers(&state, &want, &nodes);
            permitted.gone = self.balancers.ended(&asked).await?;
            // One answer, which an operator has seen before it is acted on (`flotilla aws plan`).
            permitted.gone.truncate(removals_max(instances(&state, &want).len()));
        }
        let plan = plan_pool(&state, &want, &nodes, &permitted);
        self.changes = plan.changes;
        self.notes.extend(plan.notes);
        Ok(())
    }

    /// As it is shown.
    pub(super) fn section(&self) -> Section {
        let steps = self.changes.iter().map(Change::step).collect();
        Section { steps, notes: self.notes.clone() }
    }

    /// For machines.
    pub(super) fn json(&self) -> Value {
        json!({ "findings": self.findings })
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let line = |finding: &Finding| {
            let Finding { severity, place, seen, fix, .. } = finding;
            let word = match severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
                Severity::Note => "note",
            };
            let fix =
                if fix.is_empty() { String::new() } else { format!("    fix: {}\n", clean(fix)) };
            format!("{word}: {}\n{fix}", clean(&format!("{place}: {seen}")))
        };
        self.findings.iter().map(line).collect()
    }

    /// Does it. There is no dry run of balancers: nothing is asked then.
    pub(super) async fn apply(self, dry_run: bool) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        if dry_run {
            let left = |change: &Change| Outcome {
                step: change.step(),
                word: "left out",
                reason: String::new(),
            };
            return self.changes.iter().map(left).collect();
        }
        carry_out(
            &self.balancers,
            self.changes,
            false,
            async || true,
            |change, done| {
                let (word, reason) = match done {
                    Ok(()) => ("made", String::new()),
                    Err(trouble) => ("failed", trouble.to_string()),
                };
                outcomes.push(Outcome { step: change.step(), word, reason });
            },
        )
        .await;
        outcomes
    }
}

/// A node as a running one tells of it.
fn node(node: &answer::Node) -> Node {
    nodes::node(&Member {
        standing: serde_json::from_value(json!(node.state)).unwrap_or(Standing::Unknown),
        load: Load {
            sessions: u32::try_from(node.sessions).unwrap_or(u32::MAX),
            ..Load::default()
        },
        instance: node.instance.clone().unwrap_or_default(),
        private: node.private.clone(),
        addresses: node.addresses.clone(),
        ..Member::default()
    })
}

/// What the doctor shows of balancers.
///
/// # Errors
/// Why they can not be read.
pub(super) async fn findings(site: &Site) -> Result<Vec<Finding>, String> {
    let mut look = Look::new(site);
    look.fill(site, false).await.map_err(|trouble| trouble.to_string())?;
    Ok(look.findings)
}
