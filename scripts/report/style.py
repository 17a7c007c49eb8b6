# SPDX-License-Identifier: Apache-2.0
"""How the report looks and its few lines of JavaScript; both stand inside the page, which loads nothing."""

# Okabe and Ito's colours, which the colour-blind can tell apart, bright on grey
COLOURS = {"wt": "#56B4E9", "tc": "#E8690B", "et": "#F0E442"}

CSS = ":root{" + "".join(f"--c-{region}:{colour};" for region, colour in COLOURS.items()) + """}
*{box-sizing:border-box}
html{scroll-padding-top:3.2rem}
body{margin:0;font:15px/1.45 system-ui,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;color:#1b1f24;background:#eef1f4}
main,.top{max-width:1500px;margin:0 auto;padding:0 1.2rem}
.top{padding-top:1.2rem}
h1{font-size:1.6rem;margin:0 0 .3rem}
h2{font-size:1.2rem;margin:1.8rem 0 .6rem}
h3{font-size:1.08rem;margin:0;overflow-wrap:anywhere}
p{margin:.3rem 0}
a{color:#0a58a8}
.device{background:#fff3cd;border:1px solid #e0b84c;border-radius:6px;padding:.5rem .8rem;margin:.6rem 0}
.failed{background:#fde8e6;border:1px solid #d2685e;border-radius:6px;padding:.5rem .8rem;margin:.6rem 0}
.failed ul{margin:.3rem 0;padding-left:1.2rem}
.flag{background:#fff3cd;border-left:4px solid #e0a100;padding:.3rem .6rem;margin:.4rem 0}
.good{color:#20613b}
.small{font-size:.84rem;color:#4c5661}
.bar-top{position:sticky;top:0;z-index:5;background:#1d2733;color:#fff;margin-top:.8rem}
.bar-top div{max-width:1500px;margin:0 auto;padding:.4rem 1.2rem;display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;
font-size:.9rem}
.bar-top a{color:#cfe3f7}
.bar-top label{white-space:nowrap;cursor:pointer}
.bar-top span{display:inline-flex;flex-wrap:wrap;gap:.1rem .8rem}
.key{display:inline-block;width:1.4em;height:0;border-top:3px solid;vertical-align:middle;margin:0 .25em}
.key.dashed{border-top-style:dashed}
.key.wt{border-color:var(--c-wt)}.key.tc{border-color:var(--c-tc)}.key.et{border-color:var(--c-et)}
td .key{border-top-width:.7em}
.scroll{overflow:auto;max-height:70vh;background:#fff;border:1px solid #cfd6dd;border-radius:6px}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
.scroll table{width:100%}
th,td{padding:.28rem .6rem;text-align:left;border-bottom:1px solid #e3e8ed;vertical-align:top}
thead th{position:sticky;top:0;background:#e3e9ef;white-space:nowrap;z-index:1}
th.sort{cursor:pointer}
th.sort::after{content:" \\2195";color:#8a96a3}
th[aria-sort=ascending]::after{content:" \\2191";color:#000}
th[aria-sort=descending]::after{content:" \\2193";color:#000}
.plain{font-size:.92rem;margin-bottom:.6rem}
.plain th{background:#e3e9ef;position:static;white-space:nowrap}
.plain td{white-space:nowrap}
.plain td,.plain th{padding:.28rem .45rem}
.beside .plain{width:100%}
.plain .first{border-left:1px solid #b9c3cd}
.beside .ci{width:4em}
.beside .plain{font-size:.86rem}
.fit{max-width:max-content;margin-bottom:.6rem}
.fit .plain{margin:0}
td small{display:block;color:#4c5661}
.scroll td:last-child:not(.n){min-width:14rem}
td.n,th.n{text-align:right;white-space:nowrap}
tr.new td,tr.new th{border-top:2px solid #b9c3cd}
.ci{display:inline-block;position:relative;width:7.5em;height:.7em;background:#eef1f4;border-radius:2px;
vertical-align:middle;margin-right:.5em;print-color-adjust:exact;-webkit-print-color-adjust:exact}
.ci i{position:absolute;top:.28em;height:.14em;background:#0072b2}
.ci b{position:absolute;top:0;width:.22em;margin-left:-.11em;height:.7em;background:#0072b2}
.card{background:#fff;border:1px solid #cfd6dd;border-radius:8px;padding:.8rem 1rem 1rem;margin:1rem 0}
.card header{display:flex;flex-wrap:wrap;gap:.1rem 1.2rem;align-items:baseline;margin-bottom:.5rem}
.beside{display:grid;grid-template-columns:25rem minmax(0,1fr);gap:1.2rem}
.picture{display:grid;gap:8px;grid-template-columns:repeat(auto-fit,minmax(min(100%,540px),1fr))}
.shared{position:absolute;width:0;height:0}
.sequence{background:#000;border-radius:4px;overflow:hidden;break-inside:avoid;
print-color-adjust:exact;-webkit-print-color-adjust:exact}
.row{display:flex;gap:2px;background:#3a4653}
h4{margin:0;padding:3px 8px;font-size:.85rem;color:#fff;background:#1d2733}
h4 span{font-weight:400;color:#b5c4d3}
figure{margin:0;flex:var(--mm) 1 0;min-width:0;background:#000;color:#d9d9d9;font-size:11px;line-height:1.3}
figure div{position:relative}
figure svg{display:block;width:100%;height:auto}
figcaption{padding:2px 6px 4px;white-space:nowrap;overflow:hidden;text-overflow:ellipsis}
figure div>b{position:absolute;color:#cfcfcf;font-weight:600;text-shadow:0 0 2px #000,0 0 2px #000}
.el{left:2px;top:50%;transform:translateY(-50%)}.er{right:2px;top:50%;transform:translateY(-50%)}
.eu{top:2px;left:50%;transform:translateX(-50%)}.ed{bottom:2px;left:50%;transform:translateX(-50%)}
.bar{position:absolute;right:6px;bottom:4px;border-bottom:2px solid #fff;color:#fff;font-style:normal;font-size:10px;
text-align:center;text-shadow:0 0 2px #000,0 0 2px #000}
path{fill:none;vector-effect:non-scaling-stroke;stroke-linejoin:round}
path.wt{stroke:var(--ink,var(--c-wt));stroke-width:calc(1.5px + var(--more,0px));display:var(--wt,inline)}
path.tc{stroke:var(--ink,var(--c-tc));stroke-width:calc(2.4px + var(--more,0px));display:var(--tc,inline)}
path.et{stroke:var(--ink,var(--c-et));stroke-width:calc(1.2px + var(--more,0px));display:var(--et,inline)}
.truth path{stroke-dasharray:4 3}
.truth path.tc{stroke-width:calc(1.8px + var(--more,0px))}
.halo{--ink:#000;--more:1.8px;opacity:.5}
.net{display:none}.net0{display:var(--net0,inline)}.net1{display:var(--net1,none)}.net2{display:var(--net2,none)}
.net3{display:var(--net3,none)}.truth{display:var(--truth,inline)}
body:has(#show-wt:not(:checked)){--wt:none}body:has(#show-tc:not(:checked)){--tc:none}
body:has(#show-et:not(:checked)){--et:none}body:has(#show-truth:not(:checked)){--truth:none}
body:has(#net0:not(:checked)){--net0:none}body:has(#net1:checked){--net1:inline}
body:has(#net2:checked){--net2:inline}body:has(#net3:checked){--net3:inline}
.chart{width:100%;max-width:1100px;height:auto;background:#fff;border:1px solid #cfd6dd;border-radius:6px}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem;font-size:.9rem}
dt{color:#4c5661}dd{margin:0;overflow-wrap:anywhere}
footer{max-width:1500px;margin:2rem auto 0;padding:0 1.2rem 2rem}
@media(max-width:900px){.beside{grid-template-columns:1fr}}
@media(max-width:600px){main,.top,footer{padding-left:.6rem;padding-right:.6rem}.card{padding:.6rem .5rem}
.row{flex-wrap:wrap}figure.axial{flex-basis:100%}.bar-top{position:static}dl{grid-template-columns:1fr}
dt{margin-top:.4rem}th,td{padding:.25rem .35rem}}
@media print{body{background:#fff;font-size:11px}.bar-top{display:none}.scroll{max-height:none;overflow:visible}
.card{break-inside:avoid;border-color:#999}thead th{position:static}.picture{grid-template-columns:1fr 1fr}
figure div>b,.bar,figure{font-size:8px}h2{break-after:avoid}th.sort::after{content:none!important}
.beside .picture{grid-template-columns:1fr}.beside{grid-template-columns:19rem 1fr}}
"""

JAVASCRIPT = """
document.querySelectorAll("th.sort").forEach(function (head) {
  head.tabIndex = 0;
  function sort() {
    var body = head.closest("table").tBodies[0], at = head.cellIndex;
    var down = head.getAttribute("aria-sort") !== "ascending";
    head.parentNode.querySelectorAll("th").forEach(function (other) { other.removeAttribute("aria-sort"); });
    head.setAttribute("aria-sort", down ? "ascending" : "descending");
    function value(row) {
      var cell = row.cells[at];
      return cell.dataset.v === undefined ? cell.textContent : +cell.dataset.v;
    }
    Array.from(body.rows).sort(function (a, b) {
      var x = value(a), y = value(b), order;
      if (x !== x || y !== y) return (x !== x) - (y !== y);
      order = typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y));
      return down ? order : -order;
    }).forEach(function (row) { body.appendChild(row); });
  }
  head.addEventListener("click", sort);
  head.addEventListener("keydown", function (event) { if (event.key === "Enter") sort(); });
});
"""
