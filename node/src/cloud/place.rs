//! Where clients are sent to by DNS: what a node tells its leader of itself.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use flotilla_cluster::aws::instance::Instance;
use flotilla_cluster::member::Place;
use tokio::net::TcpStream;

use super::actor::Cloud;
use crate::config::{Config, DnsAddress, DnsCheck, DnsLocation, Mode};
use crate::ingress;
use crate::pool::Placed;

/// What the pool was told.
#[derive(Debug, Default)]
pub(super) struct Told(Option<Place>);

impl Cloud {
    /// Tells the pool the place of this node whenever it is another one. The port is told once it has answered: a
    /// health check that is made before would begin as healthy, and then fail.
    pub(super) fn place_later(&mut self, ctx: &mut Context<Self>) {
        let config = &self.policy.config;
        let place = place(config, self.instance.as_ref());
        let known = self.placed.0.as_ref().is_some_and(|told| told.port == place.port);
        let port = checked(config).filter(|_| !known);
        let asked = async move {
            let answers = match port {
                Some(port) => answers(reached(port)).await,
                None => true,
            };
            tokio::time::sleep(LOOK).await;
            answers
        };
        ctx.spawn(asked.into_actor(self).map(move |answers, cloud, ctx| {
            let place = Place { port: if answers { place.port } else { 0 }, ..place };
            if cloud.placed.0.as_ref() != Some(&place) {
                cloud.pool.do_send(Placed(place.clone()));
                cloud.placed.0 = Some(place);
            }
            cloud.place_later(ctx);
        }));
    }
}

/// The place of a node by its configuration and what it is told of itself. One whose clients come through something
/// else has no address here.
pub(crate) fn place(config: &Config, instance: Option<&Instance>) -> Place {
    let aws = &config.aws;
    let region = instance.map(|instance| instance.region.clone()).unwrap_or_default();
    let mut place = Place { region, location: location(&aws.dns_location), ..Place::default() };
    if aws.dns_name.is_none() || ingress::mode(config) != Mode::Direct {
        return place;
    }
    let primary = instance.and_then(|instance| instance.interfaces.first());
    let private = || primary.and_then(|primary| primary.private.first().copied());
    let public = || instance.and_then(|instance| instance.public().next());
    place.v4 = match aws.dns_address {
        DnsAddress::Public => {
            config.ftp.passive_address.or_else(|| public().map(|(public, _)| public))
        }
        DnsAddress::Private => private(),
    };
    let v6 = primary.and_then(|primary| primary.v6.first().copied());
    place.v6 = v6.filter(|own| takes(config, *own));
    place.port = checked(config).map_or(0, |address| address.port());
    place
}

/// Whether clients are taken at an IPv6 address.
fn takes(config: &Config, own: Ipv6Addr) -> bool {
    let listeners = config.ftp.listen.iter().chain(&config.ftp.implicit_tls);
    listeners.chain(&config.ssh.listen).any(|listener| match listener.ip() {
        IpAddr::V6(address) => address.is_unspecified() || address == own,
        IpAddr::V4(_) => false,
    })
}

/// The listener that health checks connect to; `None`: there are none.
fn checked(config: &Config) -> Option<SocketAddr> {
    let Config { ftp, ssh, health, .. } = config;
    let listener = match config.aws.dns_check {
        DnsCheck::Health => health.tcp,
        DnsCheck::Ftp => ftp.listen.iter().chain(&ftp.implicit_tls).next().copied(),
        DnsCheck::Ssh => ssh.listen.first().copied(),
        DnsCheck::Off => None,
    };
    listener.filter(|address| address.port() != 0)
}

/// Where the node itself reaches a listener of its own.
fn reached(listener: SocketAddr) -> SocketAddr {
    let address = match listener.ip() {
        IpAddr::V4(address) if address.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(address) if address.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        address => address,
    };
    SocketAddr::new(address, listener.port())
}

/// Whether somebody takes a connection there.
pub(super) async fn answers(address: SocketAddr) -> bool {
    let connected = tokio::time::timeout(CONNECT, TcpStream::connect(address)).await;
    matches!(connected, Ok(Ok(_)))
}

fn location(location: &DnsLocation) -> String {
    match location {
        DnsLocation::Default => String::new(),
        DnsLocation::Continent(code) => format!("c:{code}"),
        DnsLocation::Country(code) => code.clone(),
        DnsLocation::Subdivision(country, part) => format!("{country}-{part}"),
    }
}

/// Between two looks at what this node would tell.
const LOOK: Duration = Duration::from_secs(1);
/// A node that takes longer to take a connection is no place for clients.
const CONNECT: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use flotilla_cluster::aws::instance::Interface;

    use super::*;
    use crate::config::load_flags;

    fn instance(public: &[&str], v6: &[&str]) -> Instance {
        let private: Ipv4Addr = "10.0.0.5".parse().unwrap();
        let public = public.iter().map(|text| (text.parse().unwrap(), private)).collect();
        let v6 = v6.iter().map(|text| text.parse().unwrap()).collect();
        let interface = Interface { private: vec![private], public, v6, ..Interface::default() };
        Instance {
            region: "eu-west-1".to_owned(),
            interfaces: vec![interface],
            ..Instance::default()
        }
    }

    fn placed(flags: &[(&str, &str)], instance: &Instance) -> Place {
        let always = [
            ("aws.enabled", "true"),
            ("aws.dns_name", "ftp.example.org"),
            ("health.tcp", "0.0.0.0:8082"),
        ];
        let (mut config, _) = load_flags(&[&always, flags].concat()).unwrap();
        config.auto = ingress::auto(&config, Some(instance));
        place(&config, Some(instance))
    }

    #[test]
    fn a_node_tells_the_address_that_its_clients_use() {
        let public = instance(&["203.0.113.5"], &["2001:db8::5"]);
        let v4 = |flags: &[_]| placed(flags, &public).v4.map(|address| address.to_string());
        assert_eq!(v4(&[]).as_deref(), Some("203.0.113.5"));
        assert_eq!(v4(&[("aws.dns_address", "private")]).as_deref(), Some("10.0.0.5"));
        assert_eq!(v4(&[("ftp.passive.address", "198.51.100.1")]).as_deref(), Some("198.51.100.1"));
        assert_eq!(v4(&[("ingress.mode", "balanced")]), None);
        assert_eq!(placed(&[], &instance(&[], &[])).v4, None);
        assert_eq!(placed(&[], &public).v6, None);
        let both = placed(&[("ftp.listen", "0.0.0.0:21,[::]:21")], &public);
        assert_eq!(both.v6, Some("2001:db8::5".parse().unwrap()));
        assert_eq!((both.region.as_str(), both.location.as_str()), ("eu-west-1", ""));
    }

    #[test]
    fn health_checks_connect_to_what_is_chosen() {
        let public = instance(&["203.0.113.5"], &[]);
        let port =
            |check| placed(&[("aws.dns_check", check), ("ftp.listen", "0.0.0.0:21")], &public).port;
        assert_eq!([port("health"), port("ftp"), port("ssh"), port("off")], [8082, 21, 2222, 0]);
        let california = placed(&[("aws.dns_location", "US-CA")], &public);
        assert_eq!(california.location, "US-CA");
    }
}
