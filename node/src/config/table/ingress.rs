//! The keys of `[ingress]` and `[relay]`.

use super::key;
use crate::config::key::Key;

/// Section by section, in the order of the reference.
pub(in crate::config) const INGRESS: &[Key] = &[
    key(
        "ingress.mode",
        r#""auto""#,
        "How clients reach the FTP listeners: `direct` (at this node's own address), `balanced` (control connections through a balancer, data at the node's own address), `shared` (everything through one address for the pool; nodes relay to each other), `auto` (found out).",
        r#""shared""#,
    ),
    key(
        "ingress.listeners",
        "[]",
        "FTP listeners with another mode than `ingress.mode`, as `address=mode`.",
        r#"["0.0.0.0:2121=balanced"]"#,
    ),
    key(
        "ingress.balancers",
        "[]",
        "Networks of the balancers; a PROXY header is believed from there only.",
        r#"["10.0.0.0/24"]"#,
    ),
    key(
        "ingress.proxy_protocol",
        r#""off""#,
        "PROXY header on FTP, FTPS and SSH connections from the balancers: `off`, `v1`, `v2`, `any`, or `late` (version 2 with the client's first bytes, as Network Load Balancers send it: the greeting does not wait for it).",
        r#""v2""#,
    ),
    key(
        "ingress.data_proxy_protocol",
        r#""off""#,
        "PROXY header on data connections from the balancers: `off`, `v1`, `v2` or `any`.",
        r#""v2""#,
    ),
    key(
        "ingress.balancer",
        r#""none""#,
        "What stands in front, for the keepalive policy: `network` (a TCP keepalive resets its idle timer), `classic` (only payload does), `none`.",
        r#""network""#,
    ),
    key(
        "ingress.idle_timeout",
        r#""auto""#,
        "After how long the balancer, or a NAT on the way, forgets a silent connection, 3s at least; `auto`: 350s for `network`, 60s for `classic`.",
        r#""120s""#,
    ),
    key(
        "ingress.addresses",
        "[]",
        "IPv4 addresses at which clients reach the balancer, for 227 in mode `shared`; `zone=address` for the nodes of one `node.zone`.",
        r#"["203.0.113.7", "eu-west-1a=203.0.113.8"]"#,
    ),
    key(
        "ingress.internal",
        "[]",
        "Networks of clients that reach the nodes' own addresses; 227 tells them the one that they reached.",
        r#"["10.0.0.0/8"]"#,
    ),
    key(
        "ingress.progress_lines",
        "false",
        "Keeps clear control connections behind a `classic` balancer by lines of the final reply (`226-`) in mid-transfer; not every client takes them, see the manual.",
        "true",
    ),
    key(
        "relay.listen",
        r#""0.0.0.0:2120""#,
        "Address at which other nodes of the pool bring data connections, in mode `shared`; empty: none.",
        r#""10.0.0.5:2120""#,
    ),
    key(
        "relay.address",
        r#""auto""#,
        "Address that other nodes dial for it; `auto`: that of `relay.listen`, or the one from which the store is reached.",
        r#""10.0.0.5:2120""#,
    ),
    key(
        "relay.connections",
        "4096",
        "Data connections that this node relays at once; more are reset.",
        "512",
    ),
];
