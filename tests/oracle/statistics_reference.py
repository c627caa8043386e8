"""What statsmodels 0.15, SciPy 1.17 and NumPy 2.4 say. Usage: python statistics_reference.py > data/statistics.json"""
import json

import numpy as np
import pandas as pd
import statsmodels.api as sm
import statsmodels.formula.api as smf
from scipy import optimize, stats

rng = np.random.default_rng(20260215)


def mean_squares(frame):
    """Two-way analysis of variance without replication of column `d`, by statsmodels' sequential sums of squares."""
    table = sm.stats.anova_lm(smf.ols("d ~ C(seed) + C(reader)", frame).fit())
    return table["mean_sq"].to_numpy(), table["df"].to_numpy()


def paired(frame):
    """Mean, error, df, interval and p over worlds: mean squares of statsmodels, Satterthwaite's degrees of freedom, t of SciPy."""
    frame = frame.assign(d=frame.ours - frame.other)
    worlds = [world for _, world in frame.groupby("world")]
    readers = seeds = rest = spread = mean = 0.0
    for world in worlds:
        squares, dfs = mean_squares(world)
        squares = squares / len(world)
        seeds, readers, rest = seeds + squares[0], readers + squares[1], rest + squares[2]
        spread += np.sum(squares**2 / dfs)
        mean += world.d.mean() / len(worlds)
    variance = readers + max(0.0, seeds - rest)
    df = variance**2 / spread
    error = np.sqrt(variance) / len(worlds)
    low, high = stats.t.interval(0.95, df, mean, error)
    return dict(mean=mean, error=error, df=df, low=low, high=high, p=2 * stats.t.sf(abs(mean / error), df))


def crossed(worlds, seeds, readers, effect, by_seed, by_reader, rest):
    rows = []
    for world in range(worlds):
        of_reader = rng.normal(0, by_reader, readers)
        for seed in range(seeds):
            of_seed = rng.normal(0, by_seed)
            other = rng.uniform(0, 1, readers)
            ours = other + effect + of_seed + of_reader + rng.normal(0, rest, readers)
            rows += [dict(world=world, seed=seed, reader=f"r{i}", ours=ours[i], other=other[i]) for i in range(readers)]
    return pd.DataFrame(rows).round(5)


def mixed_model_error(frame):
    """Standard error of the mean by REML, seeds and readers as crossed random effects (one world)."""
    frame = frame.assign(d=frame.ours - frame.other, one=1)
    fit = smf.mixedlm("d ~ 1", frame, groups="one", vc_formula={"seed": "0 + C(seed)", "reader": "0 + C(reader)"}).fit(reml=True)
    return float(fit.bse["Intercept"])


def capacity():
    sizes = np.array([0.26e6, 0.58e6, 0.83e6, 1.37e6, 3.1e6])
    rows = []
    for world in range(2):
        of_reader = rng.gamma(4, 1 / 4, 40)
        for size in sizes:
            for seed in range(3):
                scale = 0.01 * size**0.2 * np.exp(rng.normal(0, 0.03))
                values = scale * of_reader * rng.gamma(8, 1 / 8, 40)
                rows += [dict(world=world, seed=seed, reader=f"r{i}", size=size, value=values[i]) for i in range(40)]
    frame = pd.DataFrame(rows).round({"value": 5})
    rows = frame.to_dict("records")
    means = frame.groupby(["size", "world"]).value.mean().groupby("size").mean()
    x, y = np.log(sizes), np.log(means.to_numpy())

    def error_of(weights):
        scaled = frame.assign(d=frame.value * frame["size"].map(dict(zip(sizes, weights))) / frame["size"].map(means))
        sums = scaled.groupby(["world", "seed", "reader"], as_index=False).d.sum()
        return paired(sums.assign(ours=sums.d, other=0.0))

    line = stats.linregress(x, y)
    slope_weights = np.linalg.pinv(np.column_stack([np.ones_like(x), x]))[1]
    slope = error_of(slope_weights)
    low, high = stats.t.interval(0.95, slope["df"], line.slope, slope["error"])
    others = stats.linregress(x[:-1], y[:-1])
    predicted = others.intercept + others.slope * x[-1]
    hat = np.array([1, x[-1]]) @ np.linalg.pinv(np.column_stack([np.ones(4), x[:-1]]))
    miss = error_of(np.append(-hat, 1))
    interval = stats.t.interval(0.95, miss["df"], predicted, miss["error"])
    return dict(
        rows=rows,
        coefficient=np.exp(line.intercept),
        exponent=[line.slope, low, high],
        p=2 * stats.t.sf(abs(line.slope / slope["error"]), slope["df"]),
        measured=float(means.iloc[-1]),
        predicted=np.exp([predicted, *interval]).tolist(),
    )


def saturation():
    x = np.array([1.0, 2, 4, 8, 16, 32])
    cases = []
    for ceiling, gap, rate in [(0.31, 0.04, 1.0), (0.5, 0.3, 0.35), (0.2, 0.1, 2.2)]:
        y = ceiling - gap * x**-rate + rng.normal(0, 0.002, len(x))
        fit, _ = optimize.curve_fit(lambda x, a, b, c: a - b * x**-c, x, y, p0=[ceiling, gap, rate], xtol=1e-14, ftol=1e-14)
        cases.append(dict(x=x.tolist(), y=y.tolist(), ceiling=fit[0], gap=fit[1], rate=fit[2]))
    return cases


both = crossed(2, 3, 40, 0.1, 0.05, 0.3, 0.4)
one = crossed(1, 5, 60, 0.1, 0.2, 0.5, 0.5)
print(
    json.dumps(
        dict(
            paired=[
                dict(rows=both.to_dict("records"), **paired(both)),
                dict(rows=one.to_dict("records"), mixed_model_error=mixed_model_error(one), **paired(one)),
            ],
            capacity=capacity(),
            saturation=saturation(),
        ),
        default=float,
    )
)
