//! The witness of EC2: which machines there are.

use std::collections::BTreeSet;
use std::net::IpAddr;

use anyhow::Result;
use flotilla_aws_fake::api::Service;
use flotilla_aws_fake::ec2::NewInstance;
use flotilla_aws_fake::{Fault, Kind};
use flotilla_cluster::aws::Trouble;
use flotilla_cluster::aws::instances::Instances;

use crate::support::Place;

fn set<T: Ord + Clone>(of: &[T]) -> BTreeSet<T> {
    of.iter().cloned().collect()
}

#[test]
fn machines_are_found_by_id_and_by_address_until_they_are_terminated() -> Result<()> {
    let place = Place::new()?;
    let public: [IpAddr; 2] = ["203.0.113.9".parse()?, "203.0.113.10".parse()?];
    let IpAddr::V4(own) = public[0] else { unreachable!() };
    let wanted = NewInstance { public: Some(own), ..NewInstance::default() };
    let (third, _) = place.fake.add_instance(wanted)?;
    let [first, second] = place.instances.clone();
    place.fake.world().cloud.terminate(&second);
    let ids = set(&[first.clone(), second, third.clone(), "i-00000000000000000".to_owned()]);
    place.run(async |session| {
        let instances = Instances::new(session);
        let present = instances.present(&ids, &set(&public)).await?;
        assert_eq!(present.ids, set(&[first.clone(), third.clone()]));
        assert_eq!(present.addresses, set(&public[..1]));
        place.fake.world().cloud.terminate(&third);
        let present = instances.present(&set(std::slice::from_ref(&third)), &set(&public)).await?;
        assert_eq!(present, Default::default());
        Ok(())
    })
}

#[test]
fn nobody_is_said_to_be_gone_when_the_question_fails() -> Result<()> {
    let place = Place::new()?;
    let fault = Fault::new(Kind::Refuse).service(Service::Ec2).action("DescribeInstances");
    place.fake.world().add_fault(fault);
    let ids = set(&place.instances);
    let answer =
        place.run(async |session| Ok(Instances::new(session).present(&ids, &set(&[])).await))?;
    assert!(matches!(answer, Err(Trouble::Refused { .. })), "{answer:?}");
    Ok(())
}
