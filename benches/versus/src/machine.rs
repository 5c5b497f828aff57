//! The machine that the figures were made on: without it they say nothing.

use std::fmt::Write as _;
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::peers::processes::Process;

/// Flags of the processor on which one of the candidates depends.
const FLAGS: [&str; 16] = [
    "ssse3",
    "sse4_1",
    "sse4_2",
    "popcnt",
    "avx2",
    "bmi1",
    "bmi2",
    "abm",
    "avx512f",
    "avx512bw",
    "avx512vl",
    "avx512_vbmi",
    "avx512vbmi",
    "avx512_vbmi2",
    "gfni",
    "asimd",
];

const PEERS: [&str; 8] =
    ["base64-simd", "base64", "base64-turbo", "simdutf", "roaring", "arrow-buffer", "bitvec", "rayon"];

/// Several lines, `name: value`.
pub(crate) fn describe(processes: &[Process]) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "{name}: {value}");
    };
    line("date", &today());
    line("processor", &cpu("model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned()));
    let stepping: Vec<String> = ["cpu family", "model", "stepping"]
        .iter()
        .filter_map(|field| Some(format!("{field} {}", cpu(field)?)))
        .collect();
    line("", &stepping.join(", "));
    let flags = cpu("flags").or_else(|| cpu("Features")).unwrap_or_default();
    let flags: Vec<&str> = flags.split(' ').filter(|flag| FLAGS.contains(flag)).collect();
    line("flags that matter here", &flags.join(" "));
    line("cores", &std::thread::available_parallelism().map_or_else(|_| "unknown".to_owned(), |n| n.to_string()));
    line("caches", &caches());
    line("memory", &field(&read("/proc/meminfo"), "MemTotal").unwrap_or_else(|| "unknown".to_owned()));
    line("huge pages", read("/sys/kernel/mm/transparent_hugepage/enabled").trim());
    line("kernel", &format!("{} {}", std::env::consts::OS, read("/proc/sys/kernel/osrelease").trim()));
    line("load when it began", read("/proc/loadavg").trim());
    line("compiler", env!("VERSUS_RUSTC"));
    line(
        "flags of the compiler",
        match env!("VERSUS_RUSTFLAGS") {
            "" => "none",
            flags => flags,
        },
    );
    let versions: Vec<String> =
        PEERS.iter().filter_map(|name| Some(format!("{name} {}", locked_version(name)?))).collect();
    line("peers", &versions.join(", "));
    for process in processes {
        line(process.name, &process.version);
    }
    text.replace("\n: ", ", ")
}

/// The time that was lost: on a virtual machine, others may have had the processor.
pub(crate) struct Watch([u64; 2]);

impl Watch {
    pub(crate) fn start() -> Self {
        Self(ticks())
    }

    /// Two lines, `name: value`.
    pub(crate) fn stop(&self) -> String {
        let [total, stolen] = ticks();
        let share = stolen.saturating_sub(self.0[1]) as f64 / total.saturating_sub(self.0[0]).max(1) as f64;
        format!(
            "load when it ended: {}\ntaken by the host meanwhile: {:.2} %\n",
            read("/proc/loadavg").trim(),
            share * 100.0
        )
    }
}

/// Ticks of all cores since the start, and those of them that the host took.
fn ticks() -> [u64; 2] {
    let stat = read("/proc/stat");
    let fields = stat.lines().next().unwrap_or_default().split_whitespace().skip(1);
    // The time of guests is contained in the first two, so it is left out.
    let ticks: Vec<u64> = fields.take(8).map(|field| field.parse().unwrap_or(0)).collect();
    [ticks.iter().sum(), ticks.get(7).copied().unwrap_or(0)]
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// A field of the first processor, as Linux lists it.
fn cpu(name: &str) -> Option<String> {
    field(&read("/proc/cpuinfo"), name)
}

fn field(text: &str, name: &str) -> Option<String> {
    let mut fields = text.lines().filter_map(|line| line.split_once(':'));
    fields.find(|(field, _)| field.trim() == name).map(|(_, value)| value.trim().to_owned())
}

/// Level, kind and size of each cache of the first core.
fn caches() -> String {
    let all = (0..8).filter_map(|i| {
        let of = |name| read(&format!("/sys/devices/system/cpu/cpu0/cache/index{i}/{name}")).trim().to_owned();
        let (level, kind, size) = (of("level"), of("type"), of("size"));
        (!size.is_empty() && kind != "Instruction").then(|| format!("L{level} {size}"))
    });
    all.collect::<Vec<_>>().join(", ")
}

/// The version of a package in the lock file that this was built with.
fn locked_version(name: &str) -> Option<String> {
    let lock = include_str!("../Cargo.lock");
    let package = lock.split("[[package]]").find(|package| package.contains(&format!("\nname = \"{name}\"\n")))?;
    let version = package.lines().find_map(|line| line.strip_prefix("version = "))?;
    Some(version.trim_matches('"').to_owned())
}

/// The date in UTC.
fn today() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (year, month, day) = civil(seconds / 86_400);
    format!("{year}-{month:02}-{day:02}")
}

/// Year, month and day of a day since 1970, counting years from March so that the leap day comes last.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468; // Since 1 March of the year 0.
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (400 * era + year + carry, month, day)
}

#[cfg(test)]
mod tests {
    use super::civil;

    #[test]
    fn days_become_dates() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(11_016), (2000, 2, 29));
        assert_eq!(civil(20_089), (2025, 1, 1));
    }
}
