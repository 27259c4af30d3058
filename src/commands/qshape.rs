//! qshape(1): for which domains mail waits, and how long it has been waiting.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use super::getopt::Options;
use super::queue_access::{config_directory, set_up};
use crate::config::{Config, parameters as p};

const USAGE: &str = "usage: qshape [-c config_dir] [-s] [-p] [-m min_subdomains] [-l] [-b buckets] \
                     [-t minutes] [-w width] [-N lines] [queue ...]";

/// What the table shows.
#[derive(Clone, Debug)]
struct View {
    /// Domains of senders instead of recipients.
    senders: bool,
    /// Parent domains as well, in lines with a dot before them.
    parents: bool,
    /// A parent has a line if it has so many domains below it.
    fewest: usize,
    /// Where the columns end, in minutes; the last one is open.
    ends: Vec<u64>,
    width: usize,
    lines: usize,
    queues: Vec<String>,
}

/// One message of the queue listing.
#[derive(serde::Deserialize)]
struct Message {
    queue_name: String,
    arrival_time: u64,
    sender: String,
    recipients: Vec<Recipient>,
}

#[derive(serde::Deserialize)]
struct Recipient {
    address: String,
}

/// Runs qshape(1).
pub fn main(arguments: Vec<OsString>) -> ExitCode {
    let (view, directory) = match parse(arguments) {
        Ok(parsed) => parsed,
        Err(bad) => {
            eprintln!("qshape: {bad}\n{USAGE}");
            return ExitCode::from(64);
        }
    };
    let shown = set_up(&directory, "qshape").and_then(|(config, _)| {
        let now = crate::sys::now() / 1_000_000;
        let listing = listing(&config)?;
        table(&view, &listing, now)
    });
    match shown {
        Ok(table) => {
            // Who has seen enough is no error.
            let _ = std::io::Write::write_all(&mut std::io::stdout(), table.as_bytes());
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("qshape: fatal: {why}");
            ExitCode::FAILURE
        }
    }
}

fn parse(arguments: Vec<OsString>) -> Result<(View, PathBuf), String> {
    let options = Options::read(arguments, "b:c:lm:N:pst:w:").map_err(|bad| bad.to_string())?;
    let (mut buckets, mut minutes, mut linear) = (10, 5, false);
    let mut directory = None;
    let mut view = View {
        senders: false,
        parents: false,
        fewest: 5,
        ends: Vec::new(),
        width: 80,
        lines: usize::MAX,
        queues: options.rest,
    };
    for (letter, value) in options.options {
        let value = value.unwrap_or_default();
        let number = |most: u64| match value.parse::<u64>() {
            Ok(number) if (1..=most).contains(&number) => Ok(number),
            _ => Err(format!("bad value of -{letter}: {value}")),
        };
        let count = |most| number(most).map(|n| usize::try_from(n).unwrap_or(usize::MAX));
        match letter {
            'b' => buckets = number(40)?,
            'c' => directory = Some(value),
            'l' => linear = true,
            'm' => view.fewest = count(1_000_000)?,
            'N' => view.lines = count(u64::MAX)?,
            'p' => view.parents = true,
            's' => view.senders = true,
            't' => minutes = number(1_000_000)?,
            _ => view.width = count(1000)?,
        }
    }
    view.ends = (0..buckets.saturating_sub(1))
        .map(|n| if linear { minutes * (n + 1) } else { minutes << n })
        .collect();
    if view.queues.is_empty() {
        view.queues = vec!["incoming".into(), "active".into()];
    }
    Ok((view, config_directory(directory.as_deref())))
}

/// The queue as postqueue(1) lists it.
fn listing(config: &Config) -> Result<Vec<u8>, String> {
    let program = PathBuf::from(config.text(&p::command_directory)).join("postqueue");
    let failed = |why: String| format!("{}: {why}", program.display());
    let out = Command::new(&program)
        .arg("-c")
        .arg(&config.directory)
        .arg("-j")
        .stderr(Stdio::inherit())
        .output()
        .map_err(|e| failed(crate::config::why(&e)))?;
    if out.status.success() { Ok(out.stdout) } else { Err(failed("no listing".into())) }
}

/// How many there are in each column.
type Counts = Vec<u64>;

/// The table for a listing, one JSON object a line.
fn table(view: &View, listing: &[u8], now: u64) -> Result<String, String> {
    let columns = view.ends.len() + 1;
    let mut domains: BTreeMap<String, Counts> = BTreeMap::new();
    let mut total = vec![0; columns];
    for line in listing.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
        let message: Message =
            serde_json::from_slice(line).map_err(|e| format!("malformed listing: {e}"))?;
        if !view.queues.contains(&message.queue_name) {
            continue;
        }
        let age = now.saturating_sub(message.arrival_time) / 60;
        let column = view.ends.iter().position(|end| age < *end).unwrap_or(columns - 1);
        let addresses: Vec<&str> = match view.senders {
            true => vec![&message.sender],
            false => message.recipients.iter().map(|r| r.address.as_str()).collect(),
        };
        for address in addresses {
            let counts = domains.entry(domain(address)).or_insert_with(|| vec![0; columns]);
            for counts in [counts, &mut total] {
                if let Some(count) = counts.get_mut(column) {
                    *count += 1;
                }
            }
        }
    }
    if view.parents {
        add_parents(&mut domains, view.fewest);
    }
    let mut rows: Vec<(String, Counts)> = domains.into_iter().collect();
    rows.sort_by_key(|(name, counts)| {
        (std::cmp::Reverse(counts.iter().sum::<u64>()), name.clone())
    });
    rows.truncate(view.lines);
    rows.insert(0, ("TOTAL".into(), total));
    Ok(layout(view, &rows))
}

fn domain(address: &str) -> String {
    match address.rsplit_once('@') {
        Some((_, domain)) => domain.to_ascii_lowercase(),
        None => address.to_owned(),
    }
}

/// Lines for the parents of domains.
fn add_parents(domains: &mut BTreeMap<String, Counts>, fewest: usize) {
    let mut parents: BTreeMap<String, (usize, Counts)> = BTreeMap::new();
    for (name, counts) in domains.iter() {
        let mut rest = name.as_str();
        while let Some((_, parent)) = rest.split_once('.') {
            let (below, sums) =
                parents.entry(format!(".{parent}")).or_insert_with(|| (0, vec![0; counts.len()]));
            *below += 1;
            sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
            rest = parent;
        }
    }
    parents.retain(|_, (below, _)| *below >= fewest);
    domains.extend(parents.into_iter().map(|(name, (_, sums))| (name, sums)));
}

/// Columns as wide as what is in them; what is left goes to the names.
fn layout(view: &View, rows: &[(String, Counts)]) -> String {
    let mut heads: Vec<String> = vec!["T".into()];
    heads.extend(view.ends.iter().map(u64::to_string));
    heads.push(view.ends.last().map_or_else(|| "0+".into(), |end| format!("{end}+")));
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|(_, counts)| {
            let sum: u64 = counts.iter().sum();
            std::iter::once(sum).chain(counts.iter().copied()).map(|n| n.to_string()).collect()
        })
        .collect();
    let widths: Vec<usize> = heads
        .iter()
        .enumerate()
        .map(|(at, head)| {
            let cell = |row: &Vec<String>| row.get(at).map_or(0, String::len);
            cells.iter().map(cell).max().unwrap_or(0).max(head.len()) + 1
        })
        .collect();
    let names = view.width.saturating_sub(widths.iter().sum()).max(10);
    let mut out = String::new();
    let mut line = |name: &str, cells: &[String]| {
        let name: String = name.chars().take(names).collect();
        out += &format!("{name:>names$}");
        for (cell, width) in cells.iter().zip(&widths) {
            out += &format!("{cell:>width$}");
        }
        out.push('\n');
    };
    line("", &heads);
    for ((name, _), cells) in rows.iter().zip(&cells) {
        line(name, cells);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(words: &[&str]) -> String {
        let (mut view, _) = parse(words.iter().map(OsString::from).collect()).unwrap();
        view.width = 70;
        let message = |queue: &str, minutes: u64, to: &str| {
            let time = 1_000_000 - minutes * 60;
            format!(
                "{{\"queue_name\":\"{queue}\",\"queue_id\":\"A\",\"arrival_time\":{time},\"message_size\":1,\"forced_expire\":false,\"sender\":\"s@Send.example\",\"recipients\":[{to}]}}\n"
            )
        };
        let listing =
            message("active", 1, "{\"address\":\"a@x.example\"},{\"address\":\"b@X.example\"}")
                + &message("deferred", 30, "{\"address\":\"a@y.example\",\"delay_reason\":\"z\"}")
                + &message("deferred", 5000, "{\"address\":\"a@sub.y.example\"}");
        table(&view, listing.as_bytes(), 1_000_000).unwrap()
    }

    #[test]
    fn ages_and_domains() {
        let table = shown(&["-b", "4", "deferred", "active"]);
        let lines: Vec<Vec<&str>> =
            table.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[0], ["T", "5", "10", "20", "20+"]);
        assert_eq!(lines[1], ["TOTAL", "4", "2", "0", "0", "2"]);
        assert_eq!(lines[2], ["x.example", "2", "2", "0", "0", "0"]);
        assert_eq!(lines.len(), 5);
        assert!(table.lines().all(|line| line.len() == 70), "{table}");
        assert_eq!(shown(&["-b", "4"]).lines().count(), 3, "incoming and active by default");
    }

    #[test]
    fn senders_and_parents() {
        let table = shown(&["-s", "-N", "1", "deferred"]);
        assert!(table.contains("send.example"), "{table}");
        let table = shown(&["-p", "-m", "2", "deferred"]);
        assert!(table.contains(" .example"), "{table}");
        assert!(!table.contains(" .y.example"), "{table}");
    }

    #[test]
    fn mistakes() {
        for words in [&["-x"] as &[&str], &["-b", "0"], &["-t", "x"], &["-w"]] {
            assert!(parse(words.iter().map(OsString::from).collect()).is_err(), "{words:?}");
        }
    }
}
