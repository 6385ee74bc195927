//! Which of several record sets is answered.

use super::record::{Geo, Record, Routing};
use super::resolve::Client;
use crate::chance::Chance;

/// Those of a group, all of one name and kind, that this client gets. `healthy` tells of each, in the same order.
pub(super) fn choose<'a>(
    group: &[&'a Record],
    healthy: &[bool],
    client: &Client,
    chance: &mut Chance,
) -> Vec<&'a Record> {
    let Some(first) = group.first() else { return Vec::new() };
    let good =
        group.iter().zip(healthy).filter(|(_, healthy)| **healthy).map(|(record, _)| *record);
    let good: Vec<_> = good.collect();
    match first.routing {
        Routing::Simple => group.to_vec(),
        Routing::Weighted(_) => weighted(group, &good, chance).into_iter().collect(),
        Routing::Multivalue => {
            // Where none is healthy, all are.
            let mut all = if good.is_empty() { group.to_vec() } else { good };
            let mut found = Vec::new();
            while found.len() < MULTIVALUE_MAX && !all.is_empty() {
                let length = u64::try_from(all.len()).unwrap_or(1);
                found.push(all.swap_remove(usize::try_from(chance.below(length)).unwrap_or(0)));
            }
            found
        }
        Routing::Latency(_) => nearest(group, &good, client).into_iter().collect(),
        Routing::Geolocation(_) => located(group, &good, client).into_iter().collect(),
    }
}

/// Records in one multivalue answer.
const MULTIVALUE_MAX: usize = 8;

fn weight(record: &Record) -> u64 {
    match record.routing {
        Routing::Weighted(weight) => u64::from(weight),
        _ => 0,
    }
}

/// By weight among the healthy ones that have one; then among the healthy ones of weight 0; and where none is
/// healthy, as if all were.
fn weighted<'a>(
    group: &[&'a Record],
    good: &[&'a Record],
    chance: &mut Chance,
) -> Option<&'a Record> {
    let candidates = if good.is_empty() { group } else { good };
    let total: u64 = candidates.iter().map(|record| weight(record)).sum();
    if total == 0 {
        let length = u64::try_from(candidates.len()).unwrap_or(1);
        return candidates.get(usize::try_from(chance.below(length)).ok()?).copied();
    }
    let mut at = chance.below(total);
    candidates.iter().copied().find(|record| {
        let weight = weight(record);
        let here = at < weight;
        at = at.saturating_sub(weight);
        here
    })
}

/// The healthy one whose region is the nearest; regions that the client does not know are the farthest.
fn nearest<'a>(group: &[&'a Record], good: &[&'a Record], client: &Client) -> Option<&'a Record> {
    let candidates = if good.is_empty() { group } else { good };
    let distance = |record: &Record| match &record.routing {
        Routing::Latency(region) => {
            client.regions.iter().position(|known| known == region).unwrap_or(usize::MAX)
        }
        _ => usize::MAX,
    };
    candidates.iter().copied().min_by_key(|record| distance(record))
}

/// The healthy one of the smallest part of the world that holds the client; where none of those is healthy, the
/// smallest.
fn located<'a>(group: &[&'a Record], good: &[&'a Record], client: &Client) -> Option<&'a Record> {
    let size = |record: &Record| match &record.routing {
        Routing::Geolocation(geo) => size(geo, client),
        _ => None,
    };
    let smallest = |candidates: &[&'a Record]| {
        let fitting = candidates.iter().filter_map(|record| Some((size(record)?, *record)));
        fitting.min_by_key(|(size, _)| *size).map(|(_, record)| record)
    };
    smallest(good).or_else(|| smallest(group))
}

/// How large a part of the world is, if the client is in it.
fn size(geo: &Geo, client: &Client) -> Option<u8> {
    match (&geo.continent, &geo.country, &geo.subdivision) {
        (_, Some(star), _) if star == "*" => Some(3),
        (Some(continent), None, _) => (*continent == client.continent).then_some(2),
        (_, Some(country), None) => (*country == client.country).then_some(1),
        (_, Some(country), Some(part)) => {
            (*country == client.country && *part == client.subdivision).then_some(0)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(name: &str, routing: Routing) -> Record {
        Record {
            name: "a.example.com.".to_owned(),
            kind: "A".to_owned(),
            identifier: Some(name.to_owned()),
            routing,
            ttl: Some(60),
            values: vec!["192.0.2.1".to_owned()],
            alias: None,
            check: None,
        }
    }

    /// How often each is answered in a thousand queries.
    fn counts(weights: &[u8], healthy: &[bool]) -> Vec<usize> {
        let records: Vec<_> = weights
            .iter()
            .enumerate()
            .map(|(number, weight)| record(&number.to_string(), Routing::Weighted(*weight)))
            .collect();
        let group: Vec<_> = records.iter().collect();
        let mut chance = Chance::new(7);
        let mut counts = vec![0; weights.len()];
        for _ in 0..1000 {
            for chosen in choose(&group, healthy, &Client::default(), &mut chance) {
                counts[chosen.identifier.as_ref().unwrap().parse::<usize>().unwrap()] += 1;
            }
        }
        counts
    }

    #[test]
    fn weights_are_shares() {
        let counts = counts(&[30, 10, 0], &[true; 3]);
        assert!((700..800).contains(&counts[0]) && counts[2] == 0, "{counts:?}");
    }

    #[test]
    fn weight_0_is_the_last_resort() {
        assert_eq!(counts(&[30, 10, 0], &[false, false, true]), [0, 0, 1000]);
        // Nobody is healthy: all are, by weight.
        let none = counts(&[30, 10, 0], &[false; 3]);
        assert!((700..800).contains(&none[0]) && none[2] == 0, "{none:?}");
        let zero = counts(&[0, 0], &[true; 2]);
        assert!((400..600).contains(&zero[0]), "{zero:?}");
    }

    #[test]
    fn eight_values_at_most() {
        let records: Vec<_> =
            (0..20).map(|number: u8| record(&number.to_string(), Routing::Multivalue)).collect();
        let group: Vec<_> = records.iter().collect();
        let client = Client::default();
        let answer = |healthy: &[bool]| choose(&group, healthy, &client, &mut Chance::new(1)).len();
        assert_eq!(answer(&[true; 20]), 8);
        let mut three = [false; 20];
        three[3..6].fill(true);
        assert_eq!(answer(&three), 3);
        assert_eq!(answer(&[false; 20]), 8);
    }

    #[test]
    fn the_nearest_and_the_smallest() {
        let regions =
            ["eu-west-1", "us-east-1"].map(|it| record(it, Routing::Latency(it.to_owned())));
        let group: Vec<_> = regions.iter().collect();
        let mut client = Client { regions: vec!["us-east-1".to_owned()], ..Client::default() };
        let mut chance = Chance::new(1);
        let mut first = |group: &[&Record], healthy: &[bool], client: &Client| {
            let chosen = choose(group, healthy, client, &mut chance);
            chosen.first().and_then(|record| record.identifier.clone())
        };
        assert_eq!(first(&group, &[true; 2], &client).unwrap(), "us-east-1");
        assert_eq!(first(&group, &[true, false], &client).unwrap(), "eu-west-1");
        let geo = |name: &str, geo: Geo| record(name, Routing::Geolocation(geo));
        let some = |text: &str| Some(text.to_owned());
        let places = [
            geo("world", Geo { country: some("*"), ..Geo::default() }),
            geo("europe", Geo { continent: some("EU"), ..Geo::default() }),
            geo("germany", Geo { country: some("DE"), ..Geo::default() }),
        ];
        let group: Vec<_> = places.iter().collect();
        client = Client { continent: "EU".to_owned(), country: "DE".to_owned(), ..client };
        assert_eq!(first(&group, &[true; 3], &client).unwrap(), "germany");
        assert_eq!(first(&group, &[true, true, false], &client).unwrap(), "europe");
        client.country = "FR".to_owned();
        assert_eq!(first(&group, &[true; 3], &client).unwrap(), "europe");
        client.continent = "AS".to_owned();
        assert_eq!(first(&group, &[true; 3], &client).unwrap(), "world");
        assert_eq!(first(&group[1..], &[true; 2], &client), None);
    }
}
