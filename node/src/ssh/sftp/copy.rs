//! `copy-data`: bytes from one open file into another, without a way through the client.

use std::sync::Arc;

use flotilla_protocol::failure::Failure;

use super::open::Content;
use crate::storage::Sink;

/// Copies `length` bytes, or all if it is 0, up to the present end at the most. Tells how many.
pub(super) async fn copy(
    source: Content,
    mut offset: u64,
    length: u64,
    target: Arc<dyn Sink>,
    mut target_offset: u64,
) -> Result<u64, Failure> {
    let now = match &source {
        Content::Source(source) => Arc::clone(source).now(),
        Content::Sink(sink) => Arc::clone(sink).attributes(),
    };
    // The end as it is now: it runs away if the target is the same file.
    let rest = now.await?.size.saturating_sub(offset);
    let mut left = if length == 0 { rest } else { length.min(rest) };
    let mut copied = 0;
    let mut buffer = Vec::new();
    while left > 0 {
        let piece = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE_BYTES);
        buffer.resize(piece, 0);
        let (mut bytes, count) = match &source {
            Content::Source(source) => Arc::clone(source).read_after(offset, buffer, 0).await?,
            Content::Sink(sink) => Arc::clone(sink).read_after(offset, buffer, 0).await?,
        };
        if count == 0 {
            break;
        }
        bytes.truncate(count);
        buffer = Arc::clone(&target).write(target_offset, bytes).await?;
        let count = count as u64;
        offset += count;
        target_offset += count;
        left -= count;
        copied += count;
    }
    Ok(copied)
}

/// One trip to the pool each way.
const PIECE_BYTES: usize = 1024 * 1024;
