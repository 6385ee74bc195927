//! Secrets: those that are made here, and those that somebody must have made.

use serde_json::{Value, json};

use super::Fleet;
use super::document::{Document, reference, sub};

/// Adds them.
pub(super) fn add(document: &mut Document, fleet: &Fleet) {
    made(document, "PoolSecret", "seals what the nodes share");
    made(document, "StorePassword", "of the pool's store");
    for file in &fleet.files {
        document.limited(
            &file.parameter,
            "String",
            None,
            &format!("ARN of the secret (Secrets Manager) with the file of {}.", file.key),
            json!({ "AllowedPattern": "arn:[a-z-]+:secretsmanager:.+" }),
        );
    }
    document.output("PoolSecret", "Seals what the nodes share.", reference("PoolSecret"));
}

/// The ARNs of all that a node fetches.
pub(super) fn all(fleet: &Fleet) -> Vec<Value> {
    let named = fleet.files.iter().map(|file| file.parameter.as_str());
    ["PoolSecret", "StorePassword"].into_iter().chain(named).map(reference).collect()
}

/// Letters and digits only: the store takes few others (ElastiCache, "Authenticating with AUTH").
fn made(document: &mut Document, name: &str, what: &str) {
    document.resource(
        name,
        "AWS::SecretsManager::Secret",
        json!({
            "Description": sub(&format!("{what}, stack ${{AWS::StackName}}")),
            "GenerateSecretString": { "PasswordLength": 64, "ExcludePunctuation": true },
            "Tags": document.tags(),
        }),
    );
}
