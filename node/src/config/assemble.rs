//! From values by key to the typed [`Config`]. That every field has a key, the compiler sees; that
//! every key has a field, a test.

use toml::Value;

use super::common::common;
use super::error::{Fault, Origin, Problem};
use super::key;
use super::origins::{Origins, Settings, lookup};
use super::source::describe;
use super::value::{
    Expected, Reading, address_or_auto, addresses, algorithms, block, choice, count,
    count_from_one, data_peer, duration, duration_or_zero, filter, flag, host_name, idle_timeout,
    line, listener_modes, methods, networks, node_id, optional_address, optional_line,
    optional_path, passive_address, path, paths, pool_name, ports, rekey_bytes, rekey_interval,
    ring, size, store, top_users, umask, workers, zone_addresses,
};
use super::{
    Admin, Auto, Aws, Config, DataReuse, Ftp, Health, Host, Ingress, Limits, LogFormat, Node,
    OnAbort, OtlpProtocol, Pool, Relay, Ssh, Storage, Telemetry, Timeouts, Tls, TlsMode,
    TlsVersion, Users, algorithm, aws, ingress, otlp,
};

/// `Some(Section { field: value, … })` if every key can be read. All are tried, so that every
/// problem is noted.
macro_rules! section {
    ($reader:expr, $section:ident { $($field:ident: $key:literal as $read:expr),* $(,)? }) => {{
        let reader: &mut Reader<'_> = $reader;
        $(let $field = reader.take($key, $read);)*
        (|| Some($section { $($field: $field?,)* }))()
    }};
}

/// Reads every value, and notes each that can not be used. `None` if there was one.
pub(super) fn assemble(origins: &Origins, problems: &mut Vec<Problem>) -> Option<Config> {
    let reader = &mut Reader { settings: &origins.settings, head: &Origin::Default, problems };
    let node = node(reader);
    let ftp = ftp(reader);
    let ssh = ssh(reader);
    let tls = tls(reader);
    let users = users(reader);
    let storage = storage(reader);
    let pool = pool(reader);
    let ingress = ingress(reader);
    let relay = relay(reader);
    let limits = limits(reader);
    let timeouts = timeouts(reader);
    let health = health(reader);
    let admin = admin(reader);
    let aws = aws(reader);
    let telemetry = telemetry(reader);
    let mut hosts = Vec::new();
    for (head, settings) in &origins.hosts {
        hosts.push(host(&mut Reader { settings, head, problems }));
    }
    Some(Config {
        node: node?,
        ftp: ftp?,
        ssh: ssh?,
        tls: tls?,
        hosts: hosts.into_iter().collect::<Option<_>>()?,
        users: users?,
        storage: storage?,
        pool: pool?,
        ingress: ingress?,
        relay: relay?,
        limits: limits?,
        timeouts: timeouts?,
        health: health?,
        admin: admin?,
        aws: aws?,
        telemetry: telemetry?,
        auto: Auto::default(),
        common: common(origins),
    })
}

fn node(reader: &mut Reader<'_>) -> Option<Node> {
    section!(
        reader,
        Node {
            id: "node.id" as node_id,
            data_dir: "node.data_dir" as path,
            zone: "node.zone" as optional_line,
            workers: "node.workers" as workers,
        }
    )
}

fn ftp(reader: &mut Reader<'_>) -> Option<Ftp> {
    section!(reader, Ftp {
        listen: "ftp.listen" as addresses,
        implicit_tls: "ftp.implicit_tls" as addresses,
        tls: "ftp.tls" as choice(&[
            ("off", TlsMode::Off),
            ("optional", TlsMode::Optional),
            ("required", TlsMode::Required),
        ]),
        banner: "ftp.banner" as line,
        anonymous: "ftp.anonymous" as flag,
        active_mode: "ftp.active_mode" as flag,
        passive_ports: "ftp.passive.ports" as ports,
        passive_block: "ftp.passive.block" as block,
        passive_address: "ftp.passive.address" as passive_address,
        data_peer: "ftp.passive.data_peer" as data_peer,
        data_reuse: "ftp.passive.data_reuse" as choice(&[
            ("off", DataReuse::Off),
            ("match", DataReuse::Match),
            ("require", DataReuse::Require),
        ]),
    })
}

fn ssh(reader: &mut Reader<'_>) -> Option<Ssh> {
    section!(
        reader,
        Ssh {
            listen: "ssh.listen" as addresses,
            host_keys: "ssh.host_keys" as paths,
            authentication: "ssh.authentication" as methods,
            ciphers: "ssh.ciphers" as algorithms(algorithm::CIPHERS),
            kex: "ssh.kex" as algorithms(algorithm::KEX),
            macs: "ssh.macs" as algorithms(algorithm::MACS),
            host_key_algorithms: "ssh.host_key_algorithms" as algorithms(algorithm::HOST_KEYS),
            public_key_algorithms: "ssh.public_key_algorithms"
                as algorithms(algorithm::PUBLIC_KEYS),
            prefer_hw_aes: "ssh.prefer_hw_aes" as flag,
            user_ca_keys: "ssh.user_ca_keys" as paths,
            revoked_keys: "ssh.revoked_keys" as optional_path,
            channels: "ssh.channels" as count_from_one,
            rekey_bytes: "ssh.rekey_bytes" as rekey_bytes,
            rekey_interval: "ssh.rekey_interval" as rekey_interval,
            keepalive: "ssh.keepalive" as duration_or_zero,
            startups: "ssh.startups" as count_from_one,
            banner: "ssh.banner" as optional_line,
        }
    )
}

fn tls(reader: &mut Reader<'_>) -> Option<Tls> {
    section!(reader, Tls {
        certificate: "tls.certificate" as optional_path,
        key: "tls.key" as optional_path,
        client_ca: "tls.client_ca" as optional_path,
        client_crl: "tls.client_crl" as paths,
        min_version: "tls.min_version" as choice(&[
            ("1.2", TlsVersion::V12),
            ("1.3", TlsVersion::V13),
        ]),
    })
}

fn host(reader: &mut Reader<'_>) -> Option<Host> {
    section!(
        reader,
        Host {
            name: "host.name" as host_name,
            certificate: "host.certificate" as optional_path,
            key: "host.key" as optional_path,
            root: "host.root" as optional_path,
            banner: "host.banner" as optional_line,
        }
    )
}

fn users(reader: &mut Reader<'_>) -> Option<Users> {
    section!(reader, Users { file: "users.file" as path })
}

fn storage(reader: &mut Reader<'_>) -> Option<Storage> {
    section!(reader, Storage {
        root: "storage.root" as path,
        atomic_uploads: "storage.atomic_uploads" as flag,
        on_abort: "storage.on_abort" as choice(&[
            ("keep", OnAbort::Keep),
            ("publish", OnAbort::Publish),
            ("delete", OnAbort::Delete),
        ]),
        umask: "storage.umask" as umask,
        reserve: "storage.reserve" as size,
        timeout: "storage.timeout" as duration,
        partial_max_age: "storage.partial_max_age" as duration,
    })
}

fn pool(reader: &mut Reader<'_>) -> Option<Pool> {
    section!(
        reader,
        Pool {
            name: "pool.name" as pool_name,
            store: "pool.store" as store,
            store_password_file: "pool.store_password_file" as optional_path,
            store_ca: "pool.store_ca" as optional_path,
            secret_file: "pool.secret_file" as optional_path,
            shared_storage: "pool.shared_storage" as flag,
        }
    )
}

fn ingress(reader: &mut Reader<'_>) -> Option<Ingress> {
    section!(
        reader,
        Ingress {
            mode: "ingress.mode" as choice(ingress::MODES),
            listeners: "ingress.listeners" as listener_modes,
            balancers: "ingress.balancers" as networks,
            proxy_protocol: "ingress.proxy_protocol" as choice(ingress::PROXIES),
            data_proxy_protocol: "ingress.data_proxy_protocol" as choice(ingress::DATA_PROXIES),
            balancer: "ingress.balancer" as choice(ingress::BALANCERS),
            idle_timeout: "ingress.idle_timeout" as idle_timeout,
            addresses: "ingress.addresses" as zone_addresses,
            internal: "ingress.internal" as networks,
            progress_lines: "ingress.progress_lines" as flag,
        }
    )
}

fn relay(reader: &mut Reader<'_>) -> Option<Relay> {
    section!(
        reader,
        Relay {
            listen: "relay.listen" as optional_address,
            address: "relay.address" as address_or_auto,
            connections: "relay.connections" as count_from_one,
        }
    )
}

fn limits(reader: &mut Reader<'_>) -> Option<Limits> {
    section!(
        reader,
        Limits {
            sessions: "limits.sessions" as count,
            per_user: "limits.per_user" as count,
            per_address: "limits.per_address" as count,
            logins_per_second: "limits.logins_per_second" as count,
            connections: "limits.connections" as count,
            unauthenticated: "limits.unauthenticated" as count,
            unauthenticated_per_address: "limits.unauthenticated_per_address" as count,
            login_attempts: "limits.login_attempts" as count,
            ban_after: "limits.ban_after" as count,
            ban_window: "limits.ban_window" as duration,
            ban_for: "limits.ban_for" as duration,
        }
    )
}

fn timeouts(reader: &mut Reader<'_>) -> Option<Timeouts> {
    section!(
        reader,
        Timeouts {
            login: "timeouts.login" as duration,
            idle: "timeouts.idle" as duration,
            data_connect: "timeouts.data_connect" as duration,
            stalled: "timeouts.stalled" as duration,
            drain: "timeouts.drain" as duration_or_zero,
            drain_notice: "timeouts.drain_notice" as duration_or_zero,
        }
    )
}

fn health(reader: &mut Reader<'_>) -> Option<Health> {
    section!(
        reader,
        Health {
            listen: "health.listen" as optional_address,
            tcp: "health.tcp" as optional_address,
        }
    )
}

fn admin(reader: &mut Reader<'_>) -> Option<Admin> {
    section!(
        reader,
        Admin {
            token_file: "admin.token_file" as optional_path,
            read_token_file: "admin.read_token_file" as optional_path,
        }
    )
}

fn aws(reader: &mut Reader<'_>) -> Option<Aws> {
    section!(
        reader,
        Aws {
            enabled: "aws.enabled" as flag,
            region: "aws.region" as aws::word_or_auto,
            endpoint: "aws.endpoint" as aws::optional_url,
            metadata: "aws.metadata" as aws::metadata,
            instance: "aws.instance" as optional_line,
            dns_zone: "aws.dns_zone" as optional_line,
            dns_name: "aws.dns_name" as aws::optional_domain,
            dns_sftp_name: "aws.dns_sftp_name" as aws::optional_domain,
            dns_policy: "aws.dns_policy" as choice(aws::DNS_POLICIES),
            dns_location: "aws.dns_location" as aws::location,
            dns_ttl: "aws.dns_ttl" as aws::dns_ttl,
            dns_address: "aws.dns_address" as choice(aws::DNS_ADDRESSES),
            dns_weight: "aws.dns_weight" as aws::dns_weight,
            dns_check: "aws.dns_check" as choice(aws::DNS_CHECKS),
            dns_check_interval: "aws.dns_check_interval" as choice(aws::DNS_CHECK_INTERVALS),
            security_groups: "aws.security_groups" as flag,
            group_ftp: "aws.group_ftp" as optional_line,
            group_ssh: "aws.group_ssh" as optional_line,
            group_pool: "aws.group_pool" as optional_line,
            balancer: "aws.balancer" as aws::balancer,
            balancer_changes: "aws.balancer_changes" as flag,
            lifecycle: "aws.lifecycle" as flag,
            rebalance: "aws.rebalance" as choice(aws::REBALANCES),
            protect: "aws.protect" as flag,
        }
    )
}

fn telemetry(reader: &mut Reader<'_>) -> Option<Telemetry> {
    section!(reader, Telemetry {
        log: "telemetry.log" as choice(&[("text", LogFormat::Text), ("json", LogFormat::Json)]),
        level: "telemetry.level" as filter,
        lines_per_second: "telemetry.lines_per_second" as count,
        session_ring: "telemetry.session_ring" as ring,
        xferlog: "telemetry.xferlog" as optional_path,
        otlp_endpoint: "telemetry.otlp_endpoint" as otlp::endpoint,
        otlp_protocol: "telemetry.otlp_protocol" as choice(&[
            ("auto", OtlpProtocol::Auto),
            ("grpc", OtlpProtocol::Grpc),
            ("http", OtlpProtocol::Http),
        ]),
        otlp_signals: "telemetry.otlp_signals" as otlp::signals,
        otlp_headers_file: "telemetry.otlp_headers_file" as optional_path,
        otlp_ca: "telemetry.otlp_ca" as optional_path,
        otlp_timeout: "telemetry.otlp_timeout" as duration,
        metrics_interval: "telemetry.metrics_interval" as duration,
        sample: "telemetry.sample" as otlp::ratio,
        slow_transfer: "telemetry.slow_transfer" as duration_or_zero,
        top_users: "telemetry.top_users" as top_users,
    })
}

/// Reads values of one section of settings.
struct Reader<'a> {
    settings: &'a Settings,
    /// Where a value that is missing should have been.
    head: &'a Origin,
    problems: &'a mut Vec<Problem>,
}

impl Reader<'_> {
    fn take<T>(&mut self, name: &str, read: impl Fn(&Value) -> Reading<T>) -> Option<T> {
        let setting = key::find(name).and_then(|key| lookup(self.settings, key))?;
        match read(&setting.value) {
            Ok(value) => Some(value),
            Err(Expected(expected)) => {
                let got = describe(&setting.value);
                let origin = match setting.origin {
                    Origin::Default => self.head.clone(),
                    written => written,
                };
                let fault = Fault::Mismatch { expected, got };
                self.problems.push(Problem { origin, key: name.to_owned(), fault });
                None
            }
        }
    }
}
