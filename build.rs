//! Puts the web pages into the binary: every file below `web/dist`, compressed once here.
//!
//! Without that folder the crate builds all the same and has no pages: Node is needed for the
//! pages only. `src/api/transport/pages` includes what is written here.

use std::error::Error;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

/// What `npm run build` leaves.
const DIST: &str = "web/dist";

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo takes a path that is not there for changed at every build. An empty folder is not, and
    // where it cannot be made, only that is lost.
    let _ = fs::create_dir_all(DIST);
    println!("cargo::rerun-if-changed={DIST}");
    println!("cargo::rerun-if-changed=build.rs");
    link_at_a_fixed_place();
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    let mut files = Vec::new();
    // Half a build must not look like a whole one.
    if Path::new(DIST).join("index.html").is_file() {
        collect(Path::new(DIST), &mut files)?;
    }
    files.sort();
    let mut table = String::from("&[\n");
    for (number, file) in files.iter().enumerate() {
        let content = fs::read(file)?;
        let gzip = format!("page-{number}.gz");
        let mut encoder = GzEncoder::new(File::create(out.join(&gzip))?, Compression::best());
        encoder.write_all(&content)?;
        encoder.finish()?;
        let path = file.strip_prefix(DIST)?.to_str().ok_or("the name of a page is UTF-8")?;
        writeln!(
            table,
            "    File {{ path: {:?}, media: {:?}, tag: {:?}, gzip: include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{gzip}\")) }},",
            format!("/{path}"),
            media(file)?,
            tag(&content),
        )?;
    }
    table.push(']');
    fs::write(out.join("pages.rs"), table)?;
    Ok(())
}

/// The binary is started again for each attempt, as its shim. Where it may lie anywhere in memory, the loader
/// writes tens of thousands of addresses into it before `main`, and each page of those is copied: most of
/// what the start of a shim costs. The price: the place of its own code is no secret (those of its
/// libraries, its heap and its stack are).
fn link_at_a_fixed_place() {
    let of_target = |what: &str| std::env::var(format!("CARGO_CFG_TARGET_{what}"));
    if of_target("OS").as_deref() == Ok("linux") && of_target("ENV").as_deref() == Ok("gnu") {
        println!("cargo::rustc-link-arg-bin=longhaul=-no-pie");
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// The type of a file by its ending. Browsers are told not to guess, so an unknown one is a fault.
fn media(file: &Path) -> Result<&'static str, String> {
    let ending = file.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    Ok(match ending {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "txt" => "text/plain; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "woff" => "font/woff",
        "ttf" => "font/ttf",
        _ => {
            return Err(format!(
                "{}: build.rs knows no type for `.{ending}`: add it there",
                file.display()
            ));
        }
    })
}

/// What tells one content from another.
fn tag(content: &[u8]) -> String {
    let hash = Sha256::digest(content);
    hash[..16].iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
