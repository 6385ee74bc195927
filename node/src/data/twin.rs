//! Storage for tests: real temporary files behind the storage traits, with knobs for what a disk may do.
