//! `cbt stats`: how much changed, in which runs and gaps, and what it costs to read.
//!
//! One bitmap is counted in pieces on all threads. Several inputs, and lists, are read side by side in one pass, since they
//! may be streams. Nothing is written before all inputs were judged.

use std::io::Write;

use changed_blocks::shape::{self, CostModel};
use changed_blocks::stats::{SeriesStats, Stats, StatsOptions};
use changed_blocks::{Error, Extent, Scanner, Source, Summary, VirtualSize};
use rayon::prelude::*;

use crate::args::{StatsArgs, StatsFormat};
use crate::failure::Failure;
use crate::output::progress::Progress;
use crate::output::stats_report::{InputStats, Series, StatsReport};
use crate::output::target::Target;
use crate::output::{stats_data, stats_human};
use crate::range_input::{RangeInput, SharedSource};
use crate::range_run::{judge, start};

/// How many extents are found before they are counted, 1 MiB of them, and how many of these a thread takes at a time.
const BATCH: usize = 64 << 10;
const PIECE: usize = 8 << 10;
/// How many ranges are counted at a time, several times over: so many that they stay in the nearest cache.
const CACHED_RANGES: usize = 1 << 10;

pub(crate) fn stats(args: &StatsArgs) -> Result<(), Failure> {
    let mut inputs = RangeInput::open_all(&args.inputs.each()?)?;
    let mut target = Target::open(args.file.output_file.as_deref())?;
    let report = report_of(&mut inputs, &options(args), args.reads.cost_model())?;
    let text = match args.output {
        StatsFormat::Human => stats_human::text(&report, target.terminal_width()),
        StatsFormat::Json => stats_data::json(&report),
        StatsFormat::Csv => stats_data::csv(&report),
    };
    target.write_all(text.as_bytes()).map_err(|error| target.failure(error))?;
    target.commit()?;
    inputs.into_iter().for_each(|input| input.input.drain());
    Ok(())
}

/// The figures to make: among the gaps are always that of the cost model, and none.
fn options(args: &StatsArgs) -> StatsOptions {
    let mut options = StatsOptions { largest: args.largest.into(), ..StatsOptions::default() };
    if !args.reads.merge_gap.is_empty() {
        options.merge_gaps.clone_from(&args.reads.merge_gap);
    }
    options.merge_gaps.extend([0, args.reads.cost_model().merge_gap()]);
    options.merge_gaps.sort_unstable();
    options.merge_gaps.dedup();
    options
}

/// Reads the inputs, and judges them.
fn report_of(inputs: &mut [RangeInput], options: &StatsOptions, model: CostModel) -> Result<StatsReport, Failure> {
    if let [input] = &mut *inputs
        && let Some(stats) = count_bitmap(input, options)?
    {
        return Ok(StatsReport { model, inputs: vec![stats], series: None });
    }
    let (inputs, series) = count_lists(inputs, options)?;
    Ok(StatsReport { model, series: Some(series).filter(|_| inputs.len() > 1), inputs })
}

/// The figures of a bitmap; nothing if the input is a list.
fn count_bitmap(input: &mut RangeInput, options: &StatsOptions) -> Result<Option<InputStats>, Failure> {
    let options = StatsOptions { block_size: input.block_size, ..options.clone() };
    let (name, len) = (input.input.name.clone(), input.input.len());
    let Some((scanner, bitmap)) = input.as_bitmap() else { return Ok(None) };
    let mut stats = Stats::new(&options);
    let outcome = count_extents(scanner, bitmap.source(), &options, &mut stats, Progress::new(len));
    let (summary, error) = outcome.map_or_else(|error| (None, Some(error)), |summary| (Some(summary), None));
    judge(std::slice::from_ref(input), vec![error])?;
    let virtual_size = summary.and_then(|summary| summary.geometry.virtual_size);
    let blocks = summary.map_or(0, |summary| summary.blocks);
    let covered = virtual_size.or(VirtualSize::new(blocks.saturating_mul(options.block_size.bytes())).ok());
    Ok(Some(InputStats { name, block_size: options.block_size, virtual_size, covered, stats }))
}

/// Counts the extents of a bitmap: many of them in pieces on all threads, which are merged in order.
fn count_extents(
    scanner: &Scanner,
    source: Source<'_>,
    options: &StatsOptions,
    stats: &mut Stats,
    mut progress: Progress,
) -> Result<Summary, Error> {
    let mut extents = scanner.iter_extents(source)?;
    let geometry = *extents.geometry();
    let count_piece = |piece: &[Extent]| -> Result<Stats, Error> {
        let (mut counted, mut ranges) = (Stats::new(options), Vec::with_capacity(CACHED_RANGES));
        for extents in piece.chunks(CACHED_RANGES) {
            ranges.clear();
            geometry.byte_ranges(extents, &mut ranges)?;
            counted.add(&ranges)?;
        }
        Ok(counted)
    };
    loop {
        let may_have_more = extents.read_more(BATCH)?;
        let buffered = extents.buffered();
        if buffered.len() >= BATCH || !may_have_more {
            let pieces: Result<Vec<Stats>, Error> = buffered.par_chunks(PIECE).map(count_piece).collect();
            pieces?.iter().try_for_each(|piece| stats.merge(piece))?;
            extents.consume();
        }
        progress.update(extents.bytes_read());
        if let Some(summary) = extents.summary().filter(|_| !may_have_more) {
            return Ok(summary);
        }
    }
}

/// The figures of inputs that are read side by side, each on its own and all together.
fn count_lists(inputs: &mut [RangeInput], options: &StatsOptions) -> Result<(Vec<InputStats>, Series), Failure> {
    let options_of = |block_size| StatsOptions { block_size, ..options.clone() };
    let each: Vec<StatsOptions> = inputs.iter().map(|input| options_of(input.block_size)).collect();
    let names: Vec<String> = inputs.iter().map(|input| input.input.name.clone()).collect();
    let (sources, geometry) = start(inputs);
    let lists = sources.iter().map(|source| shape::check(SharedSource(source)));
    let series = SeriesStats::count(lists.zip(&each).collect(), &options_of(geometry.block_size));
    let sizes: Vec<_> = sources
        .iter()
        .map(|source| {
            let source = source.borrow();
            let virtual_size = source.virtual_size().or(geometry.virtual_size);
            (virtual_size, virtual_size.or(source.known_end().and_then(|end| VirtualSize::new(end).ok())))
        })
        .collect();
    let errors = sources.into_iter().map(|source| source.into_inner().error).collect();
    judge(inputs, errors)?;
    let intervals = series.intervals();
    let of_input = |(((name, options), stats), (virtual_size, covered)): (((String, StatsOptions), Stats), _)| {
        InputStats { name, block_size: options.block_size, virtual_size, covered, stats }
    };
    let inputs: Vec<InputStats> = names.into_iter().zip(each).zip(series.inputs).zip(sizes).map(of_input).collect();
    let largest: Option<Vec<VirtualSize>> = inputs.iter().map(|input| input.covered).collect();
    let union = InputStats {
        name: "union".to_owned(),
        block_size: geometry.block_size,
        virtual_size: geometry.virtual_size,
        covered: largest.and_then(|sizes| sizes.into_iter().max()),
        stats: series.union,
    };
    Ok((inputs, Series { union, intervals }))
}
