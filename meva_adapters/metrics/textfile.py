"""A file for the textfile collector of node_exporter: what single cycles tell, each a process of its own.

What is counted goes on from the file that is there, so that it only grows; a file that was taken away begins
anew, which Prometheus takes for what it is. A gauge that this process did not set stays as it was.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from attrs import frozen
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from meva_adapters.metrics.meters import Meters
from meva_adapters.metrics.vocabulary import VOCABULARY, Kind, Metric, sample_names
from meva_adapters.system.files import replacing
from meva_core.errors import BadInput

SUFFIX: Final = ".prom"
MODE: Final = 0o644
"""node_exporter reads it as another user, as far as the umask lets it."""
_BY_SAMPLE: Final = {name: metric for metric in VOCABULARY for name in sample_names(metric)}


def check_file(path: Path, book: str) -> None:
    """Look whether a book's metrics can be put there.

    Raises BadInput for a name that node_exporter would not read, a folder that is not there, and a file that
    holds anything but metrics of this book.
    """
    if path.suffix != SUFFIX:
        raise BadInput(
            f"--metrics-file {path}: the name does not end in {SUFFIX}, and node_exporter would not read it",
            action=f"give it a name such as meva{SUFFIX}, in the folder of --collector.textfile.directory",
        )
    if not path.parent.is_dir():
        raise BadInput(f"--metrics-file {path}: there is no folder {path.parent}", action="make it first")
    if not path.exists():
        return
    others = {sample.labels["book"] for samples in _read(path).values() for sample in samples} - {book}
    if others:
        raise BadInput(
            f"--metrics-file {path}: it is that of book {', '.join(sorted(others))}",
            action="give each book a file of its own",
        )


def write_file(path: Path, meters: Meters) -> None:
    """Put what there is to tell in the place of the file. Raises OSError, and BadInput as `check_file`."""
    before = _read(path) if path.exists() else {}
    with replacing(path, mode=MODE) as file:
        file.write(generate_latest(_Continued(meters, before)))


@frozen
class _Continued:
    """What a process tells, and the processes before it."""

    meters: Meters
    before: Mapping[Metric, Sequence[Sample]]

    def collect(self) -> Iterator[Family]:
        """Yield a family for each metric that anything is told of."""
        for metric in VOCABULARY:
            before, now = self.before.get(metric, ()), self.meters.samples(metric)
            samples = (now or list(before)) if metric.kind is Kind.GAUGE else _added(before, now)
            if samples:
                family = Family(metric.name.removesuffix("_total"), metric.help, metric.kind)
                family.samples = samples
                yield family


def _added(before: Sequence[Sample], now: Sequence[Sample]) -> list[Sample]:
    """Return what was counted before and now, of each series."""
    left = {_series(sample): sample for sample in before}
    counted = []
    for sample in now:
        past = left.pop(_series(sample), None)
        counted.append(sample if past is None else sample._replace(value=sample.value + past.value))
    return [*left.values(), *counted]


def _series(sample: Sample) -> tuple[str, frozenset[tuple[str, str]]]:
    return sample.name, frozenset(sample.labels.items())


def _read(path: Path) -> dict[Metric, list[Sample]]:
    """Return the samples of a file; those that this version tells in other words are left out.

    Raises BadInput for a file that is none of Meva's.
    """
    found: dict[Metric, list[Sample]] = defaultdict(list)
    is_ours = False
    try:
        for family in text_string_to_metric_families(path.read_text(encoding="utf-8")):
            is_ours = is_ours or family.name.startswith("meva_")
            for sample in family.samples:
                metric = _BY_SAMPLE.get(sample.name)
                if metric is not None and set(sample.labels) - {"le"} == set(metric.labels):
                    found[metric].append(sample)
    except ValueError:  # what is not UTF-8, too
        is_ours = False
    if not is_ours:
        raise BadInput(
            f"--metrics-file {path}: there is a file, and it is none of Meva's metrics",
            action="give another name, or take that file away",
        )
    return {metric: samples for metric, samples in found.items() if _has_its_buckets(metric, samples)}


def _has_its_buckets(metric: Metric, samples: Sequence[Sample]) -> bool:
    """Whether a histogram was counted in the buckets of today; what is none has none."""
    bounds = {float(sample.labels["le"]) for sample in samples if "le" in sample.labels}
    return bounds == ({*metric.buckets, float("inf")} if metric.kind is Kind.HISTOGRAM else set())
