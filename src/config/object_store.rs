//! `[object_store]`: where long logs are kept beside a PostgreSQL.
//!
//! Secrets have no place here: a URL that may hold one is refused, and never shown.

use std::path::{Component, PathBuf};

use crate::domain::object_store::{ObjectStore, Place};

use super::table::{Field, Section};
use super::value::{Expected, expected};

/// What `url` may be.
pub(super) const URL: &str =
    r"^(file:///.*|s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/([A-Za-z0-9_-][A-Za-z0-9._-]*(/|$))*)?)$";
/// What `endpoint` may be.
pub(super) const ENDPOINT: &str =
    r"^https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?/?$";
/// What `region` may be.
pub(super) const REGION: &str = "^[a-z0-9-]{1,64}$";

const EXPECTED_URL: &str = "`s3://BUCKET` or `s3://BUCKET/PREFIX` with a bucket's name of 3 to 63 lower-case letters, digits, dots and hyphens, or the absolute path of a folder, `file:///PATH`";
const EXPECTED_ENDPOINT: &str =
    "the URL of a server that speaks S3, like `https://s3.example.org:9000`: no path";
const EXPECTED_REGION: &str =
    "a region like `eu-central-1`: lower-case letters, digits and hyphens";
const NO_SECRETS: &str = "it may hold a secret, which has no place here: leave out what stands before an `@`, and from a `?` or a `#` on; who may use a bucket is told by AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment of the server";
const FOR_BUCKETS: &str = "it is for a bucket, `s3://BUCKET`: a folder has none, leave it out";

/// Reads `[object_store]`.
pub(super) fn object_store(section: &Section<'_>) -> Option<ObjectStore> {
    let url = section.take("url");
    if url.is_none() {
        section.missing("url", &format!("expected {EXPECTED_URL}"));
    }
    let place = url.and_then(|field| without_secrets(&field, place));
    let endpoint = section.take("endpoint");
    let region = section.take("region");
    if let Some(Place::Folder(_)) = &place {
        for field in [&endpoint, &region].into_iter().flatten() {
            field.refuse(FOR_BUCKETS);
        }
    }
    let endpoint = endpoint.and_then(|field| without_secrets(&field, self::endpoint));
    let region = region.and_then(|field| field.parsed(self::region));
    section.finish();
    Some(ObjectStore { place: place?, endpoint, region })
}

fn without_secrets<T>(
    field: &Field<'_>,
    read: impl FnOnce(&str) -> Result<T, Expected>,
) -> Option<T> {
    let may_hold_one = |text: &str| text.contains(['@', '?', '#']) && !text.starts_with("file:");
    if field.peek().is_some_and(may_hold_one) {
        field.refuse_hidden(&field.span(), NO_SECRETS);
        return None;
    }
    field.parsed(read)
}

fn place(text: &str) -> Result<Place, Expected> {
    let folder = text.strip_prefix("file://").map(PathBuf::from);
    if let Some(path) = folder.filter(|path| path.is_absolute()) {
        let is_plain = |part: Component<'_>| !matches!(part, Component::ParentDir);
        if path.components().all(is_plain) && !text.contains('\0') {
            return Ok(Place::Folder(path));
        }
    }
    let Some(bucket) = text.strip_prefix("s3://") else { return expected(EXPECTED_URL) };
    let (name, prefix) = bucket.split_once('/').unwrap_or((bucket, ""));
    let is_of_a_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let good_name = (3..=63).contains(&name.len())
        && name.starts_with(is_of_a_name)
        && name.ends_with(is_of_a_name)
        && name.chars().all(|c| is_of_a_name(c) || matches!(c, '.' | '-'));
    let prefix = prefix.trim_matches('/');
    let is_of_a_prefix = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let good_part =
        |part: &str| !matches!(part, "" | "." | "..") && part.chars().all(is_of_a_prefix);
    if good_name && (prefix.is_empty() || prefix.split('/').all(good_part)) {
        return Ok(Place::Bucket { name: name.to_owned(), prefix: prefix.to_owned() });
    }
    expected(EXPECTED_URL)
}

fn endpoint(text: &str) -> Result<String, Expected> {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let host = host.map(|host| host.strip_suffix('/').unwrap_or(host));
    match host.map(super::value::allowed_host) {
        Some(Ok(_)) => Ok(text.trim_end_matches('/').to_owned()),
        Some(Err(_)) | None => expected(EXPECTED_ENDPOINT),
    }
}

fn region(text: &str) -> Result<String, Expected> {
    let is_of_one = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if (1..=64).contains(&text.len()) && text.chars().all(is_of_one) {
        return Ok(text.to_owned());
    }
    expected(EXPECTED_REGION)
}
