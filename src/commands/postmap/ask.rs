//! Asks tables, and takes keys out of them.

use std::io::BufRead;
use std::sync::Arc;

use super::make::BehindProxy;
use super::options::Which;
use super::output::Output;
use super::{Context, Fatal, message};
use crate::lookup::{
    Builder, NO_REASON, SequenceError, Table, can_make, map_types, show, unsupported,
};

/// Longest line of standard input that is taken as a key.
const LONGEST_KEY: usize = 1 << 20;

/// Lines of standard input, without their line ends.
pub(super) fn lines() -> impl Iterator<Item = Vec<u8>> {
    let mut input = std::io::stdin().lock();
    std::iter::from_fn(move || {
        let mut line = Vec::new();
        let length = input.read_until(b'\n', &mut line).unwrap_or(0);
        if length == 0 {
            return None;
        }
        if line.ends_with(b"\n") {
            line.pop();
        }
        line.truncate(LONGEST_KEY);
        Some(line)
    })
}

/// Type and name.
type Spec = (String, String);

/// Tables that are opened when they are first asked.
pub(super) struct Lazy<'a> {
    context: &'a Context,
    tables: Vec<(Spec, Option<Arc<Table>>)>,
}

impl<'a> Lazy<'a> {
    pub(super) fn new(context: &'a Context) -> Self {
        let tables = context.specs().into_iter().map(|spec| (spec, None)).collect();
        Self { context, tables }
    }

    /// The first value for `key`.
    pub(super) fn find(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>, Fatal> {
        for ((kind, name), table) in &mut self.tables {
            let table = match table {
                Some(table) => table,
                None => table.insert(self.context.open(kind, name)?),
            };
            if let Some(value) = ask(self.context, table, key)? {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }
}

/// Asks one table; warns about an empty value.
fn ask(context: &Context, table: &Table, key: &[u8]) -> Result<Option<Vec<u8>>, Fatal> {
    let value =
        context.runtime.block_on(table.lookup(key)).map_err(|failure| match failure.config {
            true => Fatal(format!("table {table}: query error")),
            false => Fatal(format!("table {table}: query error: {NO_REASON}")),
        })?;
    let value = match value {
        Some(value) if context.call.files => {
            Some(crate::lookup::decode_file(&value).map_err(|why| {
                let key = show(key);
                context.log.warning(format_args!("table {table}: key {key}: {why}"));
                Fatal(format!("table {table}: query error"))
            })?)
        }
        value => value,
    };
    if value.as_ref().is_some_and(Vec::is_empty) {
        empty_value(context, table, key);
    }
    Ok(value)
}

fn empty_value(context: &Context, table: &Table, key: &[u8]) {
    let key = show(key);
    context
        .log
        .warning(format_args!("table {table}: key {key}: empty string result is not allowed"));
    context.log.warning(format_args!("table {table} should return NO RESULT in case of NOT FOUND"));
}

/// `-q`: true if a key was found.
pub(super) fn query(context: &Context, key: &[u8]) -> Result<bool, Fatal> {
    let mut output = Output::new(context.which, context.call.json);
    let mut tables = Lazy::new(context);
    if key != b"-" {
        let value = tables.find(key)?;
        if let Some(value) = &value {
            output.value(key, value);
        }
        return Ok(value.is_some());
    }
    let parts = context.call.parts;
    if context.which == Which::Postmap && (parts.header || parts.body) {
        return message::query(context, &mut tables, &mut output);
    }
    let mut found = false;
    for key in lines() {
        if let Some(value) = tables.find(&key)? {
            output.record(&key, &value);
            found = true;
        }
    }
    Ok(found)
}

/// `-s`: shows all records of the first table.
pub(super) fn sequence(context: &Context) -> Result<bool, Fatal> {
    let specs = context.specs();
    let Some((kind, name)) = specs.first() else {
        return Ok(false);
    };
    let table = context.open(kind, name)?;
    let mut output = Output::new(context.which, context.call.json);
    let mut print = |key: &[u8], value: &[u8]| {
        if key.is_empty() {
            context
                .log
                .warning(format_args!("table {table}: empty lookup key value is not allowed"));
        } else if value.is_empty() {
            empty_value(context, &table, key);
        }
        if !context.call.files {
            output.record(key, value);
            return;
        }
        match crate::lookup::decode_file(value) {
            Ok(value) => output.record(key, &value),
            Err(why) => {
                let key = show(key);
                context.log.warning(format_args!("table {table}: key {key}: {why}"));
            }
        }
    };
    match table.for_each(&mut print) {
        Ok(()) => Ok(true),
        Err(SequenceError::Unsupported) => {
            Err(format!("table {table}: sequence operation is not supported").into())
        }
        Err(SequenceError::Failed(why)) => {
            Err(format!("table {table}: sequence error: {why}").into())
        }
    }
}

/// `-d`: true if a key was there.
pub(super) fn delete(context: &Context, key: &[u8]) -> Result<bool, Fatal> {
    let keys: Vec<Vec<u8>> = match key {
        b"-" => lines().collect(),
        key => vec![key.to_vec()],
    };
    let mut found = false;
    for (mut kind, mut name) in context.specs() {
        let behind = (kind == "proxy").then(|| BehindProxy::open(context, &name)).transpose()?;
        if let Some(behind) = &behind {
            (kind, name) = (behind.kind.clone(), behind.name.clone());
        }
        if !can_make(&kind) {
            return Err(unchangeable(&kind, &name, "delete").into());
        }
        let mut builder = Builder::existing(&kind, &name, context.making(0o644), false)?;
        let mut changed = false;
        for key in &keys {
            changed |= builder.delete(key);
        }
        if changed {
            builder.finish()?;
        }
        found |= changed;
    }
    Ok(found)
}

/// What Postfix says about a table that cannot be changed by `-d` or `-i`.
pub(super) fn unchangeable(kind: &str, name: &str, operation: &str) -> String {
    let known = map_types().iter().any(|(known, available)| *known == kind && *available);
    match kind {
        _ if !known => unsupported(kind),
        "fail" => format!("table fail:{name}: {operation} error: {NO_REASON}"),
        "static" | "environ" | "internal" | "debug" => {
            format!("table {kind}:{name}: {operation} operation is not supported")
        }
        _ => format!("{kind}:{name} map requires O_RDONLY access mode"),
    }
}
