//! Whose balancers, listeners and groups are: by their tags.

use std::collections::BTreeMap;

use super::super::failure::Judged;
use super::{Balancers, Reading};
use crate::aws::Trouble;
use crate::balancer::Balancer;
use crate::group::POOL_TAG;

impl Balancers {
    /// Fills in whose the listeners and groups of a balancer of version 2 are. Where tags can not be read they are
    /// nobody's.
    pub(super) async fn read_owners(
        &self,
        reading: &mut Reading,
        balancer: &mut Balancer,
    ) -> Result<(), Trouble> {
        let listeners = balancer.listeners.iter().map(|listener| &listener.arn);
        let arns: Vec<String> =
            listeners.chain(balancer.groups.iter().map(|group| &group.arn)).cloned().collect();
        let mut owners = BTreeMap::new();
        for arns in arns.chunks(AT_ONCE) {
            reading.pace().await;
            let call = self.network.describe_tags().set_resource_arns(Some(arns.to_vec()));
            let answer = call.send().await.judged(ACTION);
            let answer = reading.unless_refused(answer)?;
            for of in answer.and_then(|answer| answer.tag_descriptions).unwrap_or_default() {
                let pool = of.tags().iter().find(|tag| tag.key() == Some(POOL_TAG));
                if let (Some(arn), Some(pool)) = (of.resource_arn(), pool) {
                    owners.insert(arn.to_owned(), pool.value().unwrap_or_default().to_owned());
                }
            }
        }
        for listener in &mut balancer.listeners {
            listener.owner = owners.remove(&listener.arn);
        }
        for group in &mut balancer.groups {
            group.owner = owners.remove(&group.arn);
        }
        Ok(())
    }

    /// Whose a classic balancer is.
    pub(super) async fn read_classic_owner(
        &self,
        reading: &mut Reading,
        name: &str,
    ) -> Result<Option<String>, Trouble> {
        reading.pace().await;
        let call = self.classic.describe_tags().load_balancer_names(name);
        let answer = call.send().await.judged(ACTION);
        let answer = reading.unless_refused(answer)?;
        let all = answer.and_then(|answer| answer.tag_descriptions).unwrap_or_default();
        let mut tags = all.iter().flat_map(|of| of.tags());
        let pool = tags.find(|tag| tag.key() == POOL_TAG);
        Ok(pool.map(|tag| tag.value().unwrap_or_default().to_owned()))
    }
}

const ACTION: &str = "elasticloadbalancing:DescribeTags";
/// "Up to 20 resources in a single call" (DescribeTags).
const AT_ONCE: usize = 20;
