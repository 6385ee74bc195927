//! Rules as a call gives them: checked, and in the form in which they are stored.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

use super::{Cloud, Rule, Source, Tags};
use crate::parameters::Parameters;
use crate::problem::Problem;

/// Protocol and ports.
pub(super) type Traffic = (String, Option<(i32, i32)>);

/// The rules of `IpPermissions`, without ids; one for each source.
pub(super) fn permissions(given: &Parameters, cloud: &Cloud) -> Result<Vec<Rule>, Problem> {
    let mut rules: Vec<Rule> = Vec::new();
    for permission in given.structures("IpPermissions") {
        let (protocol, ports) = traffic(&permission)?;
        let sources = sources(&permission, cloud)?;
        if sources.is_empty() {
            let message = "The request must contain at least one source of a permission";
            return Err(Problem::new("MissingParameter", message));
        }
        for (source, description) in sources {
            let rule = Rule {
                id: String::new(),
                egress: false,
                protocol: protocol.clone(),
                ports,
                source,
                description,
                tags: Tags::new(),
            };
            if rules.iter().any(|known| known.is_same(&rule)) {
                let message = "The same permission must not appear multiple times";
                return Err(Problem::new("InvalidParameterValue", message));
            }
            rules.push(rule);
        }
    }
    if rules.is_empty() {
        return Err(Problem::missing(crate::api::Service::Ec2, "IpPermissions"));
    }
    Ok(rules)
}

/// `IpProtocol`, `FromPort` and `ToPort`.
pub(super) fn traffic(given: &Parameters) -> Result<Traffic, Problem> {
    let word = given.need("IpProtocol")?.to_ascii_lowercase();
    let protocol = match word.as_str() {
        "6" => "tcp",
        "17" => "udp",
        "1" => "icmp",
        "58" => "icmpv6",
        "all" => "-1",
        "tcp" | "udp" | "icmp" | "icmpv6" | "-1" => &word,
        number if number.parse::<u8>().is_ok() => number,
        _ => {
            let message = format!("Invalid value '{word}' for IP protocol. Unknown protocol.");
            return Err(Problem::new("InvalidParameterValue", message));
        }
    };
    let (from, to) = (given.value::<i32>("FromPort")?, given.value::<i32>("ToPort")?);
    let invalid = |message: String| Err(Problem::new("InvalidParameterValue", message));
    let ports = match (protocol, from, to) {
        ("tcp" | "udp", Some(from), Some(to)) => {
            if let Some(port) = [from, to].iter().find(|port| !(0..=65535).contains(*port)) {
                return invalid(format!("Invalid value '{port}' for port: it is out of range"));
            }
            if from > to {
                return invalid(format!(
                    "Invalid TCP/UDP port range ({from}, {to}): the first port is greater than the last"
                ));
            }
            Some((from, to))
        }
        ("tcp" | "udp", _, _) => {
            return invalid(
                "Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange."
                    .to_owned(),
            );
        }
        ("icmp" | "icmpv6", from, to) => {
            let (kind, code) = (from.unwrap_or(-1), to.unwrap_or(-1));
            if [kind, code].iter().any(|number| !(-1..=255).contains(number)) {
                return invalid(format!("Invalid ICMP type or code ({kind}, {code})"));
            }
            Some((kind, code))
        }
        // What they say is ignored.
        _ => None,
    };
    Ok((protocol.to_owned(), ports))
}

fn sources(given: &Parameters, cloud: &Cloud) -> Result<Vec<(Source, Option<String>)>, Problem> {
    let mut found = Vec::new();
    for range in given.structures("IpRanges") {
        found.push((v4(range.need("CidrIp")?)?, description(&range)?));
    }
    for range in given.structures("Ipv6Ranges") {
        found.push((v6(range.need("CidrIpv6")?)?, description(&range)?));
    }
    for list in given.structures("PrefixListIds") {
        found.push((prefix_list(list.need("PrefixListId")?, cloud)?, description(&list)?));
    }
    for pair in given.structures("Groups") {
        // That of another account would need peering, which is not here.
        pair.text("UserId");
        found.push((group(pair.need("GroupId")?, cloud)?, description(&pair)?));
    }
    Ok(found)
}

/// The one source of a rule in ModifySecurityGroupRules.
pub(super) fn only_source(given: &Parameters, cloud: &Cloud) -> Result<Source, Problem> {
    let sources = [
        given.text("CidrIpv4").map(v4),
        given.text("CidrIpv6").map(v6),
        given.text("PrefixListId").map(|id| prefix_list(id, cloud)),
        given.text("ReferencedGroupId").map(|id| group(id, cloud)),
    ];
    let mut sources = sources.into_iter().flatten();
    match (sources.next(), sources.next()) {
        (Some(source), None) => source,
        _ => {
            let message = "Exactly one of CidrIpv4, CidrIpv6, PrefixListId, or ReferencedGroupId must \
                           be specified";
            Err(Problem::new("InvalidParameterCombination", message))
        }
    }
}

fn v4(text: &str) -> Result<Source, Problem> {
    let range = text.split_once('/').and_then(|(address, length)| {
        Ipv4Net::new(address.parse::<Ipv4Addr>().ok()?, length.parse().ok()?).ok()
    });
    // Stored without the bits of the host.
    range.map(|range| Source::V4(range.trunc())).ok_or_else(|| malformed(text))
}

fn v6(text: &str) -> Result<Source, Problem> {
    let range = text.split_once('/').and_then(|(address, length)| {
        Ipv6Net::new(address.parse::<Ipv6Addr>().ok()?, length.parse().ok()?).ok()
    });
    range.map(|range| Source::V6(range.trunc())).ok_or_else(|| malformed(text))
}

fn malformed(text: &str) -> Problem {
    Problem::new("InvalidParameterValue", format_args!("CIDR block {text} is malformed"))
}

fn prefix_list(id: &str, cloud: &Cloud) -> Result<Source, Problem> {
    if !cloud.lists.contains_key(id) {
        let message = format!("The prefix list ID '{id}' does not exist");
        return Err(Problem::new("InvalidPrefixListID.NotFound", message));
    }
    Ok(Source::List(id.to_owned()))
}

fn group(id: &str, cloud: &Cloud) -> Result<Source, Problem> {
    super::group::find(cloud, id)?;
    Ok(Source::Group(id.to_owned()))
}

/// At most 255 letters of a limited set.
pub(super) fn description(given: &Parameters) -> Result<Option<String>, Problem> {
    let Some(text) = given.text("Description") else { return Ok(None) };
    if text.chars().count() > 255 || !text.chars().all(is_allowed) {
        let message = "Invalid rule description. Valid descriptions are strings less than 256 \
                       characters from the following set:  a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*";
        return Err(Problem::new("InvalidParameterValue", message));
    }
    Ok(Some(text.to_owned()))
}

/// In descriptions and in names of groups.
pub(super) fn is_allowed(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || ". _-:/()#,@[]+=&;{}!$*".contains(letter)
}
