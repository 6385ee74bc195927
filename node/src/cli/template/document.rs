//! The template while it is put together.

use serde_json::{Map, Value, json};

use super::Fleet;

/// A template.
pub(super) struct Document {
    pool: String,
    description: String,
    parameters: Map<String, Value>,
    mappings: Map<String, Value>,
    conditions: Map<String, Value>,
    resources: Map<String, Value>,
    outputs: Map<String, Value>,
}

impl Document {
    /// An empty one.
    pub(super) fn new(fleet: &Fleet) -> Self {
        let pool = fleet.config.pool.name.clone();
        Self {
            description: format!(
                "Flotilla {}: a fleet of file-transfer servers, the pool {pool}. Made by flotilla gen cloudformation.",
                env!("CARGO_PKG_VERSION")
            ),
            pool,
            parameters: Map::new(),
            mappings: Map::new(),
            conditions: Map::new(),
            resources: Map::new(),
            outputs: Map::new(),
        }
    }

    /// Something that whoever makes the stack says.
    pub(super) fn parameter(
        &mut self,
        name: &str,
        kind: &str,
        default: Option<Value>,
        description: &str,
    ) {
        let mut value = json!({ "Type": kind, "Description": description });
        if let (Some(default), Some(value)) = (default, value.as_object_mut()) {
            value.insert("Default".to_owned(), default);
        }
        self.parameters.insert(name.to_owned(), value);
    }

    /// The same, within limits: members of the parameter such as `AllowedPattern`.
    pub(super) fn limited(
        &mut self,
        name: &str,
        kind: &str,
        default: Option<Value>,
        description: &str,
        limits: Value,
    ) {
        self.parameter(name, kind, default, description);
        join(self.parameters.get_mut(name), limits);
    }

    /// Values by two keys.
    pub(super) fn mapping(&mut self, name: &str, value: Value) {
        self.mappings.insert(name.to_owned(), value);
    }

    /// Whether something is made at all.
    pub(super) fn condition(&mut self, name: &str, value: Value) {
        self.conditions.insert(name.to_owned(), value);
    }

    /// Something that is made.
    pub(super) fn resource(&mut self, name: &str, kind: &str, properties: Value) {
        self.resources.insert(name.to_owned(), json!({ "Type": kind, "Properties": properties }));
    }

    /// Something about which more must be said than what it is: `DependsOn`, `DeletionPolicy`.
    pub(super) fn resource_with(
        &mut self,
        name: &str,
        kind: &str,
        properties: Value,
        attributes: Value,
    ) {
        self.resource(name, kind, properties);
        join(self.resources.get_mut(name), attributes);
    }

    /// Something to be told of the stack.
    pub(super) fn output(&mut self, name: &str, description: &str, value: Value) {
        let output = json!({ "Description": description, "Value": value });
        self.outputs.insert(name.to_owned(), output);
    }

    /// The tags of what belongs to the pool.
    pub(super) fn tags(&self) -> Value {
        json!([
            { "Key": "Name", "Value": sub("${AWS::StackName}") },
            { "Key": TAG, "Value": self.pool },
        ])
    }

    /// The tags of an Auto Scaling group, which its instances have too.
    pub(super) fn inherited_tags(&self) -> Value {
        let mut tags = self.tags();
        for tag in tags.as_array_mut().into_iter().flatten() {
            join(Some(tag), json!({ "PropagateAtLaunch": true }));
        }
        tags
    }

    /// All of it.
    pub(super) fn finish(self) -> Value {
        let mut document = json!({
            "AWSTemplateFormatVersion": "2010-09-09",
            "Description": self.description,
        });
        for (name, part) in [
            ("Parameters", self.parameters),
            ("Mappings", self.mappings),
            ("Conditions", self.conditions),
            ("Resources", self.resources),
            ("Outputs", self.outputs),
        ] {
            join(Some(&mut document), json!({ name: part }));
        }
        document
    }
}

/// Adds members to an object.
fn join(to: Option<&mut Value>, more: Value) {
    if let (Some(Value::Object(to)), Value::Object(more)) = (to, more) {
        to.extend(more);
    }
}

/// What a parameter says, or the id of a resource.
pub(super) fn reference(name: &str) -> Value {
    json!({ "Ref": name })
}

/// Something of a resource.
pub(super) fn attribute(name: &str, attribute: &str) -> Value {
    json!({ "Fn::GetAtt": [name, attribute] })
}

/// A text in which `${...}` stands for either.
pub(super) fn sub(text: &str) -> Value {
    json!({ "Fn::Sub": text })
}

/// A text that nothing is to be put into.
pub(super) fn literal(text: &str) -> String {
    text.replace("${", "${!")
}

/// What is the pool's bears this tag.
const TAG: &str = "flotilla:pool";
