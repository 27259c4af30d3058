//! The programs to install: those beside the installer, or freshly built ones where there is a
//! source tree.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use postfix_rs::config::features;

use crate::act::run;
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::use_flags::{self, Asked, Flags};

/// The programs, and what they were built with.
#[derive(Clone, Debug)]
pub struct Programs {
    /// `postfix`
    pub postfix: PathBuf,
    /// `postdrop`
    pub postdrop: PathBuf,
    /// `postfix-installer`
    pub installer: PathBuf,
    /// The flags that hold.
    pub flags: Flags,
}

/// What the programs at hand were built with.
pub fn built_in() -> Outcome<Vec<String>> {
    features_of(&installer()?)
}

/// Whether programs with the flags that were asked for are at hand, or could be built.
pub fn fit(asked: &Asked) -> Outcome {
    choose(asked).map(drop)
}

fn installer() -> Outcome<PathBuf> {
    std::env::current_exe().map_err(|e| Failure::io("find", Path::new("/proc/self/exe"), &e))
}

/// The flags that hold, and the source tree if programs must be built.
fn choose(asked: &Asked) -> Outcome<(Flags, Option<PathBuf>)> {
    let without_code = asked.without_code();
    if !without_code.is_empty() {
        return Err(Failure::new(format!(
            "USE={}: this version of postfix-rs knows the flag, but has no code for it yet",
            without_code.join(" ")
        ))
        .advise("leave it out"));
    }
    let installer = installer()?;
    let built_with = features_of(&installer)?;
    let tree = source_tree(&installer);
    let defaults = match &tree {
        Some(tree) if !asked.is_empty() => defaults_of(tree),
        _ => built_with.clone(),
    };
    let flags = asked.over(&defaults)?;
    let built: BTreeSet<&str> = built_with.iter().map(String::as_str).collect();
    if asked.is_empty() || flags.to_build() == use_flags::to_build(built) {
        return Ok((flags, None));
    }
    match tree {
        Some(tree) => Ok((flags, Some(tree))),
        None => Err(other_build(&flags.to_build(), &built_with)),
    }
}

/// Finds, or builds, programs with the flags that were asked for.
pub fn provide(context: &Context, asked: &Asked) -> Outcome<Programs> {
    let (flags, tree) = choose(asked)?;
    let installer = installer()?;
    let installer = match tree {
        Some(tree) if context.dry_run => {
            let words = cargo(&flags).join(" ");
            context.voice.note(&format!("would build in {}: {words}", tree.display()));
            installer
        }
        Some(tree) => {
            build(context, &tree, &flags)?;
            tree.join("target/release/postfix-installer")
        }
        None => installer,
    };
    Ok(Programs {
        postfix: beside(&installer, "postfix"),
        postdrop: beside(&installer, "postdrop"),
        installer,
        flags,
    })
}

/// The program of that name that was built together with the installer; without one the
/// installer's own file, which is all of them.
fn beside(installer: &Path, name: &str) -> PathBuf {
    let beside = installer.with_file_name(name);
    if beside.is_file() { beside } else { installer.to_owned() }
}

/// What the `postfix` beside the installer was built with: it is asked itself.
fn features_of(installer: &Path) -> Outcome<Vec<String>> {
    let postfix = beside(installer, "postfix");
    if postfix == installer {
        return Ok(features::built_in().into_iter().map(str::to_owned).collect());
    }
    let words = [postfix.display().to_string(), "features".to_owned()];
    let text = run(&words, &[], None).map_err(|failure| {
        failure.advise(
            "the program postfix beside postfix-installer is of another version: build both again",
        )
    })?;
    Ok(text.lines().map(str::to_owned).collect())
}

fn other_build(wanted: &BTreeSet<&str>, built: &[String]) -> Failure {
    let list = wanted.iter().copied().collect::<Vec<_>>().join(" ");
    let features = wanted.iter().filter(|name| features::exists(name)).copied();
    Failure::new(format!(
        "the programs at hand were built with other flags: USE=\"{}\" instead of USE=\"{list}\"",
        built.join(" "),
    ))
    .advise("start postfix-installer in the source tree: it builds what is asked for")
    .advise(format!(
        "or build them there: cargo install --path . --no-default-features --features \"{}\"",
        features.collect::<Vec<_>>().join(" ")
    ))
}

/// The source tree that the installer was started from: the working directory, or the one that
/// it was built in.
fn source_tree(installer: &Path) -> Option<PathBuf> {
    let here = std::env::current_dir().ok();
    let built = installer.ancestors().find(|path| path.ends_with("target")).and_then(Path::parent);
    here.into_iter().chain(built.map(Path::to_owned)).find(|path| {
        let text = std::fs::read_to_string(path.join("Cargo.toml")).unwrap_or_default();
        text.lines().any(|line| line == "name = \"postfix-rs\"")
    })
}

fn defaults_of(tree: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(tree.join("Cargo.toml")).unwrap_or_default();
    features::defaults(&text)
}

fn cargo(flags: &Flags) -> Vec<String> {
    let names = flags.names();
    let features: Vec<&str> =
        names.iter().map(String::as_str).filter(|name| features::exists(name)).collect();
    ["cargo", "build", "--release", "--locked", "--no-default-features", "--features"]
        .into_iter()
        .map(str::to_owned)
        .chain([features.join(",")])
        .collect()
}

fn build(context: &Context, tree: &Path, flags: &Flags) -> Outcome {
    if context.machine.tool("cargo").is_none() {
        return Err(Failure::new(
            "cargo is not here: the programs cannot be built with other flags",
        )
        .advise("install Rust (dev-lang/rust-bin, rustup), or leave --use and USE out"));
    }
    let words = cargo(flags);
    context.voice.done(&format!("building: {}", words.join(" ")));
    let Some((program, arguments)) = words.split_first() else { return Ok(()) };
    let mut expression = duct::cmd(program, arguments).dir(tree).stdin_null().stdout_null();
    if flags.has("hardened") {
        // What the compiler leaves to the one who builds: overflow is an error, and no table of
        // the program can be written to once it runs.
        expression = expression
            .env("CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS", "true")
            .env("RUSTFLAGS", "-C relro-level=full -C link-arg=-Wl,-z,now");
    }
    if !context.voice.terminal || context.voice.quiet || context.voice.json {
        expression = expression.env("CARGO_TERM_QUIET", "true");
    }
    let done = expression.unchecked().run();
    match done {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(Failure::new(format!("{} failed ({})", words.join(" "), output.status))
            .advise("nothing has been changed")),
        Err(e) => Err(Failure::new(format!("cannot run cargo: {e}"))),
    }
}
