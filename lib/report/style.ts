/** The report's one style sheet: readable on a phone, in dark mode, without a network. */
export const styleSheet = `
:root { color-scheme: light dark; --ink: #1c2127; --soft: #5a6570; --line: #d9dee3; --paper: #fdfdfc; --tint: #f1f4f6; --good: #22763c; --bad: #b3313f; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ec; --soft: #9aa5b0; --line: #343b43; --paper: #15181b; --tint: #1f2429; --good: #64c480; --bad: #f08591; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 52rem; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .3rem; }
h2 { font-size: 1.25rem; margin: 2.6rem 0 .4rem; padding-top: .8rem; border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.4rem 0 .2rem; }
p { margin: .4rem 0; } .soft { color: var(--soft); font-size: .92rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .6rem; margin: 1.2rem 0; }
.tile { background: var(--tint); border-radius: .5rem; padding: .7rem .8rem; } .tile b { display: block; font-size: 1.3rem; font-variant-numeric: tabular-nums; } .tile span { color: var(--soft); font-size: .85rem; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--line); white-space: nowrap; } th { font-weight: 600; } td.n, th.n { text-align: right; } td.wide { white-space: normal; min-width: 14rem; }
svg { display: block; height: auto; margin: .6rem 0; } .good { color: var(--good); } .bad { color: var(--bad); }
details { border: 1px solid var(--line); border-radius: .5rem; padding: .5rem .8rem; margin: .6rem 0; } summary { cursor: pointer; } ul { margin: .3rem 0; padding-left: 1.1rem; } li { overflow-wrap: anywhere; }
code { font-size: .85em; overflow-wrap: anywhere; } .kind { color: var(--soft); display: inline-block; min-width: 3.6rem; font-size: .85rem; }
`;
