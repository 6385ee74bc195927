//! The manual of the node: what is configured how, and why it is as it is.
