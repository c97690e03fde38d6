/// How a report looks: light or dark as the reader's system is, one column on a phone, and black on
/// white on paper.
///
/// Colours of runs are those of Okabe and Ito (https://jfly.uni-koeln.de/color), which people with
/// any colour vision tell apart, made darker or lighter for contrast; dashes and marks differ too.
enum PageStyle {
  static let sheet: StaticString = """
    :root{color-scheme:light dark;
    --bg:#fff;--fg:#1b1f24;--dim:#57606a;--rule:#d7dce1;--soft:#f4f6f8;
    --s0:#0072b2;--s1:#c2410c;--s2:#00805c;--s3:#a8478a;--s4:#7a6200;--s5:#4b5563;--s6:#7c3aed;
    --s7:#111827;--queue:#8a949e;--prefill:#c2410c;--decode:#0072b2}
    @media (prefers-color-scheme:dark){:root{--bg:#14181d;--fg:#e6e9ed;--dim:#a3adb8;--rule:#39424c;
    --soft:#1d232a;--s0:#56b4e9;--s1:#ff9248;--s2:#3fd0a4;--s3:#ea9acb;--s4:#f0e442;--s5:#b6c0cc;
    --s6:#c4a7ff;--s7:#fff;--queue:#7d8894;--prefill:#ff9248;--decode:#56b4e9}}
    *{box-sizing:border-box}
    body{margin:0 auto;max-width:84rem;padding:1rem;background:var(--bg);color:var(--fg);
    font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;
    overflow-wrap:anywhere}
    h1{font-size:1.5rem;line-height:1.25;margin:.2rem 0}
    h2{font-size:1.2rem;margin:2rem 0 .4rem;padding-top:.6rem;border-top:1px solid var(--rule)}
    h3{font-size:1rem;margin:0 0 .3rem}
    p{margin:.4rem 0;max-width:46rem}
    .dim,figcaption{color:var(--dim);font-size:.85rem}
    .answer{font-size:1.15rem;font-weight:600;border-left:4px solid var(--s0);padding-left:.8rem}
    .facts{max-width:60rem;padding-left:1.2rem}
    @media screen and (min-width:68rem){.top{display:grid;gap:3rem;
    grid-template-columns:minmax(0,1fr) minmax(0,max-content)}.top h2{margin-top:0;border-top:0;
    padding-top:0}}
    .charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,21rem),1fr));
    gap:1.6rem}
    figure{margin:0;min-width:0;max-width:34rem}
    svg{display:block;width:100%;height:auto}
    .legend{display:flex;flex-wrap:wrap;gap:.1rem 1rem;list-style:none;margin:0 0 .3rem;padding:0;
    font-size:.85rem}
    .legend li{display:flex;align-items:center;gap:.35rem}
    .key{width:30px;height:12px}
    .swatch{width:26px;height:14px}
    .s0{--c:var(--s0)}.s1{--c:var(--s1)}.s2{--c:var(--s2)}.s3{--c:var(--s3)}.s4{--c:var(--s4)}
    .s5{--c:var(--s5)}.s6{--c:var(--s6)}.s7{--c:var(--s7)}
    .line{fill:none;stroke:var(--c);stroke-width:2;stroke-linejoin:round}
    .line.s1{stroke-dasharray:7 3}.line.s2{stroke-dasharray:2 2.5}.line.s3{stroke-dasharray:9 3 2 3}
    .line.s4{stroke-dasharray:12 4}.line.s5{stroke-dasharray:4 4}
    .line.s6{stroke-dasharray:9 2 2 2 2 2}.line.s7{stroke-dasharray:1 4}
    .mark{fill:var(--c);stroke:var(--bg);stroke-width:.7}
    .ring{fill:var(--bg);fill-opacity:.6;stroke:var(--c);stroke-width:2}
    .whisker{stroke:var(--c);stroke-width:1.6}
    .moment{fill:none;stroke:var(--fg);stroke-width:1.4}
    .grid{stroke:var(--rule);stroke-width:1}
    .axis,.tick{stroke:var(--dim);stroke-width:1}
    text{font-size:12px;fill:var(--fg)}
    .unit{fill:var(--dim)}
    .name{font-weight:600}
    .inside{fill:#14181d;font-size:11px}
    .hover{fill:var(--fg);fill-opacity:0}
    .hover:hover{fill-opacity:.12}
    .part{stroke:var(--bg);stroke-width:1}
    .p0{fill:#8fc3e8}.p1{fill:#d9d9d9}.p2{fill:#f6a871}.p3{fill:#a6dba0}.p4{fill:#d4c5f0}
    .p5{fill:#f2b6c6}.p6{fill:#f3e38a}.p7{fill:#b8c4cf}.p8{fill:#fff1d6}
    .queue{fill:var(--queue)}.prefill{fill:var(--prefill)}.decode{fill:var(--decode)}
    .scroll{overflow-x:auto;max-width:100%}
    table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums}
    th,td{padding:.25rem .8rem .25rem 0;text-align:right;border-bottom:1px solid var(--rule);
    white-space:nowrap}
    th:first-child,td:first-child{text-align:left;white-space:normal;min-width:9rem}
    thead th{border-bottom:2px solid var(--dim)}
    tbody th{font-weight:400}
    pre{background:var(--soft);padding:.8rem;overflow-x:auto;font-size:.8rem}
    a{color:var(--s0)}
    @media (max-width:30rem){body{padding:.7rem;font-size:15px}th,td{padding-right:.55rem}
    table{font-size:.82rem}th:first-child,td:first-child{min-width:6.5rem}}
    @media print{:root{color-scheme:light;--bg:#fff;--fg:#000;--dim:#444;--rule:#bbb;--soft:#fff;
    --s0:#0072b2;--s1:#c2410c;--s2:#00805c;--s3:#a8478a;--s4:#7a6200;--s5:#4b5563;--s6:#7c3aed;
    --s7:#111827;--queue:#8a949e;--prefill:#c2410c;--decode:#0072b2}
    *{print-color-adjust:exact}
    body{max-width:none;padding:0;font-size:10pt}
    .charts{display:block}
    figure{display:inline-block;width:48%;vertical-align:top;margin:0 1% 1rem 0}
    figure,tr{break-inside:avoid}h2,h3{break-after:avoid}.scroll{overflow:visible}
    td,th{white-space:normal}.download{display:none}}

    """
}
