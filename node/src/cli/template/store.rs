//! The store of the pool: ElastiCache with a replica in another zone, over TLS, with a password.
//!
//! It replicates asynchronously: a failover may lose writes of the last moments, which the nodes tell it again (see
//! the manual of the pool).

use serde_json::json;

use super::document::{Document, attribute, reference, sub};
use super::group::STORE_PORT;
use super::{Fleet, subnets};

/// Adds it.
pub(super) fn add(document: &mut Document, fleet: &Fleet) {
    document.limited(
        "StoreEngine",
        "String",
        Some(json!("valkey")),
        "Engine of the pool's store.",
        json!({ "AllowedValues": ["valkey", "redis"] }),
    );
    document.parameter(
        "StoreType",
        "String",
        Some(json!("cache.t4g.small")),
        "Node type of the pool's store.",
    );
    document.mapping(
        "Engines",
        json!({
            "valkey": { "Version": "8.0", "Family": "valkey8" },
            "redis": { "Version": "7.1", "Family": "redis7" },
        }),
    );
    document.resource(
        "StoreSubnets",
        "AWS::ElastiCache::SubnetGroup",
        json!({ "Description": "Store of the pool", "SubnetIds": subnets(fleet) }),
    );
    let of_engine =
        |field: &str| json!({ "Fn::FindInMap": ["Engines", reference("StoreEngine"), field] });
    document.resource(
        "StoreSettings",
        "AWS::ElastiCache::ParameterGroup",
        json!({
            "CacheParameterGroupFamily": of_engine("Family"),
            "Description": "Store of the pool",
            // A key that is thrown away is data that is lost.
            "Properties": { "maxmemory-policy": "noeviction" },
        }),
    );
    document.resource(
        "Store",
        "AWS::ElastiCache::ReplicationGroup",
        json!({
            "ReplicationGroupDescription": sub("Store of the pool, stack ${AWS::StackName}"),
            "Engine": reference("StoreEngine"),
            "EngineVersion": of_engine("Version"),
            "CacheNodeType": reference("StoreType"),
            "CacheParameterGroupName": reference("StoreSettings"),
            "CacheSubnetGroupName": reference("StoreSubnets"),
            "SecurityGroupIds": [attribute("StoreGroup", "GroupId")],
            "Port": STORE_PORT,
            "NumCacheClusters": 2,
            "AutomaticFailoverEnabled": true,
            "MultiAZEnabled": true,
            "AtRestEncryptionEnabled": true,
            "TransitEncryptionEnabled": true,
            "AuthToken": sub("{{resolve:secretsmanager:${StorePassword}:SecretString}}"),
            "Tags": document.tags(),
        }),
    );
    document.output("Store", "Store of the pool.", attribute("Store", "PrimaryEndPoint.Address"));
}
