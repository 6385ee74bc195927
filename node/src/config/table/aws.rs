//! The keys of `[aws]`.

use super::key;
use crate::config::key::Key;

/// In the order of the reference.
pub(in crate::config) const AWS: &[Key] = &[
    key(
        "aws.enabled",
        "false",
        "Finds out who the instance is, and looks after what is switched on below; needs a build with the feature `aws`.",
        "true",
    ),
    key("aws.region", r#""auto""#, "The AWS region; `auto`: the instance's.", r#""eu-west-1""#),
    key(
        "aws.endpoint",
        r#""""#,
        "One URL for all services of AWS, instead of the region's; empty: those.",
        r#""http://127.0.0.1:4566""#,
    ),
    key(
        "aws.metadata",
        r#""auto""#,
        "Where the instance or task is told who it is: `auto` (the usual places), `off`, or the URL of a metadata service.",
        r#""off""#,
    ),
    key(
        "aws.instance",
        r#""""#,
        "Id of the instance; empty: as the metadata say.",
        r#""i-0123456789abcdef0""#,
    ),
    key(
        "aws.dns_zone",
        r#""""#,
        "Route 53 zone, by id or name; empty: the longest that holds `aws.dns_name`.",
        r#""Z0123456789""#,
    ),
    key(
        "aws.dns_name",
        r#""""#,
        "Name of the pool, whose records the leader keeps; empty: none.",
        r#""ftp.example.org""#,
    ),
    key(
        "aws.dns_sftp_name",
        r#""""#,
        "Another name for SFTP; empty: the same.",
        r#""sftp.example.org""#,
    ),
    key(
        "aws.dns_policy",
        r#""weighted""#,
        "Routing policy: `weighted`, `multivalue`, `latency` (regions by time, their nodes by weight) or `geolocation`.",
        r#""latency""#,
    ),
    key(
        "aws.dns_location",
        r#""*""#,
        "Whose clients this node serves, for `geolocation`: a continent (`c:EU`), a country (`DE`), a part of one (`US-CA`), or `*` for all others.",
        r#""c:EU""#,
    ),
    key("aws.dns_ttl", r#""60s""#, "How long resolvers keep an answer, 1s to 1d.", r#""30s""#),
    key(
        "aws.dns_address",
        r#""public""#,
        "Which address of a node its records have: `public`, or `private` where all clients are inside the VPC.",
        r#""private""#,
    ),
    key(
        "aws.dns_weight",
        "0",
        "Share of clients of this node when it has nothing to do, 1 to 255; 0: 20 for each processor, 255 at most.",
        "100",
    ),
    key(
        "aws.dns_check",
        r#""health""#,
        "What health checks of Route 53 connect to: `health` (`health.tcp`, open only while the node is ready), `ftp`, `ssh`, or `off`.",
        r#""ftp""#,
    ),
    key(
        "aws.dns_check_interval",
        r#""30s""#,
        "Between two health checks: `10s` (costs extra) or `30s`.",
        r#""10s""#,
    ),
    key("aws.security_groups", "true", "Keeps security groups right.", "false"),
    key(
        "aws.group_ftp",
        r#""""#,
        "Security group for FTP and passive ports, by id; empty: found by its tag, or made.",
        r#""sg-0123456789abcdef0""#,
    ),
    key(
        "aws.group_ssh",
        r#""""#,
        "Security group for SSH, by id; empty: found by its tag, or made.",
        r#""sg-0123456789abcdef0""#,
    ),
    key(
        "aws.group_pool",
        r#""""#,
        "Security group for relays and health checks, by id; empty: found by its tag, or made.",
        r#""sg-0123456789abcdef0""#,
    ),
    key(
        "aws.balancer",
        r#""auto""#,
        "Load balancer in front: `auto` (those with a node as a target), `off`, or a name or ARN.",
        r#""off""#,
    ),
    key(
        "aws.balancer_changes",
        "false",
        "Mends its settings, takes nodes out of it that drained or ended, and registers those that are ready where `aws.balancer` names it; otherwise what is wrong is only told.",
        "true",
    ),
    key(
        "aws.lifecycle",
        "true",
        "Notices of AWS (spot, scale-in) drain the node, and the hook of its Auto Scaling group waits for it.",
        "false",
    ),
    key(
        "aws.rebalance",
        r#""lighten""#,
        "What a recommendation to rebalance does, where `aws.lifecycle` is on: the node gets fewer new clients (`lighten`), drains (`drain`), or goes on (`ignore`).",
        r#""drain""#,
    ),
    key(
        "aws.protect",
        "false",
        "Protects the instance from scale-in while a transfer takes longer than a minute.",
        "true",
    ),
];
