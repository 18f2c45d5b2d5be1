/**
 * The paper's pictures: a canal landscape cut in lines, a different one for each article, drawn from its number. The
 * section chooses what stands in the foreground. Everything is the colour of the text, so it prints by day and night.
 */
import { svg } from "./dom.js";

const width = 800;
const horizon = 268;
const height = 450;

/** A small seeded generator (mulberry32): the same article always gets the same picture. */
function seeded(seed) {
  let a = (seed * 2_654_435_761) >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export function engraving(article) {
  const random = seeded(article.id + 17);
  const sun = { x: 130 + random() * 540, y: 88 + random() * 70, r: 34 + random() * 22 };
  const picture = svg("svg", {
    class: "engraving",
    viewBox: `0 0 ${width} ${height}`,
    preserveAspectRatio: "xMidYMid slice",
    "aria-hidden": "true",
  });
  picture.append(sky(random, sun), hills(random, 0), hills(random, 1), town(random), water(random, sun));
  picture.append((foregrounds[article.section] ?? foregrounds.Town)(random));
  return picture;
}

const line = (d, weight) =>
  svg("path", { d, fill: "none", stroke: "currentColor", "stroke-width": weight, "stroke-linecap": "round" });
const solid = (d) => svg("path", { d, fill: "currentColor" });
const paper = (d) => svg("path", { d, class: "engraving-paper" });
const group = (...children) => svg("g", {}, ...children);

/** Horizontal strokes that part around the sun and grow thinner towards the horizon. */
function sky(random, sun) {
  const strokes = group();
  for (let y = 12; y < horizon - 4; y += 7) {
    const half = Math.abs(y - sun.y) < sun.r + 9 ? Math.sqrt((sun.r + 9) ** 2 - (y - sun.y) ** 2) : 0;
    let x = -random() * 60;
    while (x < width) {
      const length = 60 + random() * 260;
      for (const [from, to] of half === 0
        ? [[x, x + length]]
        : [
            [x, Math.min(x + length, sun.x - half)],
            [Math.max(x, sun.x + half), x + length],
          ]) {
        if (to - from > 4)
          strokes.append(line(`M${from.toFixed(0)} ${y}H${to.toFixed(0)}`, (1.7 - (y / horizon) * 1.1).toFixed(2)));
      }
      x += length + 8 + random() * 46;
    }
  }
  strokes.append(
    svg("circle", { cx: sun.x, cy: sun.y, r: sun.r, fill: "none", stroke: "currentColor", "stroke-width": 1.8 }),
  );
  return strokes;
}

/** A ridge, filled with paper so that what lies behind it is hidden, and shaded with strokes down its slopes. */
function hills(random, layer) {
  const base = horizon - 26 + layer * 18;
  const rise = 60 - layer * 26;
  const [a, b, c] = [random() * 6, 1 + random(), random() * 6];
  const at = (x) =>
    base - rise * (0.55 + 0.3 * Math.sin(a + (x / width) * 4 * b) + 0.15 * Math.sin(c + (x / width) * 11));
  let ridge = `M0 ${at(0).toFixed(1)}`;
  for (let x = 20; x <= width; x += 20) ridge += `L${x} ${at(x).toFixed(1)}`;
  const hill = group(paper(`${ridge}V${horizon}H0Z`), line(ridge, 1.6));
  for (let x = 6; x < width; x += 9 - layer * 2) {
    const top = at(x) + 3;
    const length = (horizon - top) * (0.25 + random() * (0.45 + layer * 0.25));
    hill.append(line(`M${x} ${top.toFixed(1)}l${(-length * 0.35).toFixed(1)} ${length.toFixed(1)}`, 0.9 + layer * 0.3));
  }
  return hill;
}

/** A row of gabled houses on the far bank, in silhouette, with some windows lit. */
function town(random) {
  const row = group();
  let x = 60 + random() * 160;
  const end = x + 260 + random() * 240;
  while (x < end) {
    const wide = 26 + random() * 26;
    const high = 30 + random() * 38;
    const top = horizon - high;
    row.append(
      solid(
        `M${x} ${horizon + 1}V${top}l${wide / 2} ${-12 - random() * 14}l${wide / 2} ${13 + random() * 4}V${horizon + 1}Z`,
      ),
    );
    if (random() > 0.5) row.append(solid(`M${x + wide * 0.7} ${top - 2}v-14h6v18z`));
    for (let wx = x + 6; wx < x + wide - 8; wx += 11) {
      for (let wy = top + 9; wy < horizon - 12; wy += 15)
        if (random() > 0.45) row.append(paper(`M${wx} ${wy}h5v7h-5z`));
    }
    x += wide + (random() > 0.75 ? 10 + random() * 26 : -0.5);
  }
  row.append(line(`M0 ${horizon}H${width}`, 2.4));
  return row;
}

/** The canal: dashes that grow heavier towards the reader, brighter under the sun. */
function water(random, sun) {
  const canal = group();
  for (let y = horizon + 9, row = 0; y < height; y += 7 + row * 0.55, row++) {
    let x = -random() * 80;
    while (x < width) {
      const length = 24 + random() * 90 + row * 5;
      const bright = Math.abs(x + length / 2 - sun.x) < sun.r * (0.6 + row * 0.07);
      if (!bright || random() > 0.66)
        canal.append(line(`M${x.toFixed(0)} ${y.toFixed(1)}h${length.toFixed(0)}`, (0.9 + row * 0.13).toFixed(2)));
      x += length + 14 + random() * 60;
    }
  }
  return canal;
}

/** Lock gates with their balance beams, half open. */
function lock() {
  return group(
    paper("M250 450V300h300v150z"),
    solid("M236 450V286h20v164zM544 450V286h20v164z"),
    ...[310, 326, 342, 358, 374, 390, 406, 422, 438].flatMap((y) => [
      line(`M262 ${y}L396 ${y + 26}`, 3),
      line(`M538 ${y}L404 ${y + 26}`, 3),
    ]),
    solid("M392 450V320h16v130z"),
    solid("M60 300l340 8v14L60 316zM740 300l-340 8v14l340-6z"),
    line("M330 306v-34h14M470 306v-34h-14", 4),
  );
}

/** A grey heron on a stone, looking left. */
function heron(random) {
  const x = 250 + random() * 260;
  return svg(
    "g",
    { transform: `translate(${x.toFixed(0)} 150)` },
    paper("M30 96c28-26 86-10 112 42-40 4-92 6-112-42z"),
    solid("M22 92c34-30 96-8 126 52-18-8-30-10-44-10 8 6 14 12 18 20-46 2-96-16-100-62z"),
    line("M30 104C10 84 46 60 30 34 24 22 8 22 2 28", 9),
    solid("M8 22l-62 16 58-2c10 2 14-12 4-14z"),
    line("M14 20c14-6 26-2 40 6", 3),
    line("M74 146l-4 112M92 148l6 110M70 258l-16 6M98 258l18 6", 3.4),
    solid("M10 266c30-16 130-18 156 2l18 34H-14z"),
  );
}

/** A narrowboat with smoke. */
function barge(random) {
  const x = 120 + random() * 200;
  return svg(
    "g",
    { transform: `translate(${x.toFixed(0)} 296)` },
    paper("M-6 40L26-6h330l58 46-20 44H12z"),
    solid("M0 44h414l-24 40H24z"),
    line("M40 44V4h296v40M26 4h324", 4),
    ...[62, 102, 142, 182, 222, 262, 302].map((wx) =>
      svg("circle", { cx: wx, cy: 24, r: 8, fill: "none", stroke: "currentColor", "stroke-width": 3 }),
    ),
    solid("M84 4v-30h10V4z"),
    line("M90-32c4-22 34-12 36-34s34-18 44-40", 3),
    line("M390 44c12-24 10-40 8-56M-10 92h450M20 102h360", 3),
  );
}

/** The swing bridge with its lamp posts. */
function bridge() {
  return group(
    paper("M0 330C200 262 600 262 800 330V372C620 310 180 310 0 372z"),
    line("M0 330C200 262 600 262 800 330M0 352C200 286 600 286 800 352", 5),
    ...Array.from({ length: 25 }, (_, i) => {
      const x = 10 + i * 32.5;
      const y = 330 - 51 * (1 - ((x - 400) / 400) ** 2);
      return line(`M${x} ${y.toFixed(1)}v22`, 2.4);
    }),
    solid("M372 300h56l10 150h-76z"),
    ...[150, 650].map((x) => group(line(`M${x} 306V206`, 4), solid(`M${x - 9} 206l4-22h10l4 22z`))),
  );
}

/** Market stalls under awnings. */
function stalls() {
  return group(
    ...[90, 320, 550].flatMap((x, index) => [
      paper(`M${x} 330h180v120h-180z`),
      line(`M${x + 8} 330v120M${x + 172} 330v120M${x + 8} 396h164`, 4),
      solid(`M${x - 10} 334l20-44h160l20 44z`),
      ...[0, 1, 2].map((stripe) => paper(`M${x + 24 + stripe * 52} 290h24l6 44h-36z`)),
      ...[0, 1, 2, 3].map((loaf) => solid(`M${x + 26 + loaf * 34} 394c0-${14 + index * 4} 24-${14 + index * 4} 24 0z`)),
    ]),
  );
}

/** A clock tower. */
function clock(random) {
  const x = 260 + random() * 240;
  return svg(
    "g",
    { transform: `translate(${x.toFixed(0)} 60)` },
    paper("M0 390V76L50 0l50 76v314z"),
    solid("M-6 84L50-6l56 90z"),
    line("M0 390V84h100v306M0 190h100M0 204h100", 4),
    svg("circle", { cx: 50, cy: 136, r: 34, class: "engraving-paper", stroke: "currentColor", "stroke-width": 5 }),
    line("M50 136V112M50 136l-18 10", 5),
    ...[230, 270, 310, 350].flatMap((y) => [solid(`M20 ${y}h14v24H20z`), solid(`M66 ${y}h14v24H66z`)]),
  );
}

/** Snow over a frozen flight. */
function snow(random) {
  const flakes = Array.from({ length: 130 }, () =>
    svg("circle", {
      cx: (random() * width).toFixed(0),
      cy: (random() * height).toFixed(0),
      r: (1.5 + random() * 3.2).toFixed(1),
      class: "engraving-flake",
    }),
  );
  return group(lock(), ...flakes);
}

/** A pillar box. */
function letters(random) {
  const x = 330 + random() * 130;
  return svg(
    "g",
    { transform: `translate(${x.toFixed(0)} 140)` },
    paper("M0 310V50C0 10 140 10 140 50v260z"),
    solid("M-8 64C-8-6 148-6 148 64zM-10 296h160v20H-10z"),
    line("M0 64v232M140 64v232", 5),
    solid("M34 96h72v12H34z"),
    line("M34 132h72v60H34zM44 148h52M44 162h52M44 176h30", 3),
    ...Array.from({ length: 14 }, (_, i) => line(`M${112 + (i % 2) * 4} ${84 + i * 15}h22`, 2)),
  );
}

const foregrounds = {
  Waterways: lock,
  Nature: heron,
  Sport: barge,
  Town: bridge,
  Market: stalls,
  Schools: clock,
  Archive: snow,
  Letters: letters,
};
