// Where the figures of a plot lie: scales, round numbers for the axes, and fewer points where there are too many.

export const HEIGHT = 220; // pixels, axes included
export const LEFT = 54, RIGHT = 14, TOP = 12, BOTTOM = 26; // room for the axes

/**
 * From figures to pixels and back, for a plot of this width, with the places of the axes' texts.
 *
 * `x` and `y` take figures and give pixels, `at` takes a pixel and gives pictures; `columns` and `rows` are figures.
 */
export function scaled(series, width, log) {
  const xs = series.flatMap(({ points }) => [points[0][0], points.at(-1)[0]]);
  const ys = series.flatMap(({ points }) => points.map((point) => point[1]));
  const bend = log ? Math.log10 : (value) => value;
  const [lowX, highX] = padded(Math.min(0, ...xs), Math.max(...xs), 0);
  let [low, high] = padded(bend(least(ys)), bend(most(ys)), 0.05);
  // A figure that lies between 0 and 1, such as an accuracy, never leaves room beyond.
  if (!log && least(ys) >= 0) low = Math.max(0, low);
  if (!log && most(ys) <= 1 && high > 1) high = 1;
  const right = width - RIGHT, bottom = HEIGHT - BOTTOM;
  return {
    x: (value) => LEFT + ((value - lowX) / (highX - lowX)) * (right - LEFT),
    y: (value) => bottom - ((bend(value) - low) / (high - low)) * (bottom - TOP),
    at: (pixel) => lowX + ((pixel - LEFT) / (right - LEFT)) * (highX - lowX),
    columns: ticks(lowX, highX, Math.max(2, Math.floor(width / 110))),
    rows: log ? powers(low, high) : ticks(low, high, 4),
  };
}

/** The lowest and the highest point of every two pixels, where there are more points than that. */
export function thinned(points, width) {
  const size = Math.ceil(points.length / (width / 2));
  if (size <= 2) return points;
  const kept = [];
  for (let start = 0; start < points.length; start += size) {
    const part = points.slice(start, start + size);
    const low = part.reduce((a, b) => (b[1] < a[1] ? b : a));
    const high = part.reduce((a, b) => (b[1] > a[1] ? b : a));
    kept.push(...(low === high ? [low] : [low, high].sort((a, b) => a[0] - b[0])));
  }
  return kept;
}

/** Where in `points` the one is whose x is nearest to `wanted`. */
export function nearest(points, wanted) {
  let low = 0, high = points.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (points[middle][0] <= wanted) low = middle;
    else high = middle;
  }
  return Math.abs(points[low][0] - wanted) <= Math.abs(points[high][0] - wanted) ? low : high;
}

function padded(low, high, share) {
  const room = (high - low) * share || (high === low ? Math.abs(high) * 0.1 || 1 : 0);
  return [low - room, high + room];
}

// Round numbers between two, about as many as wanted.
function ticks(low, high, wanted) {
  const rough = (high - low) / wanted;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((factor) => factor * unit >= rough) * unit;
  const first = Math.ceil(low / step - 1e-9);
  const count = Math.floor(high / step + 1e-9) - first + 1;
  return Array.from({ length: count }, (_, at) => Number(((first + at) * step).toPrecision(12)));
}

function powers(low, high) {
  const found = [];
  for (let power = Math.floor(low); power <= high; power += 1) {
    for (const digit of high - low < 2 ? [1, 2, 5] : [1]) {
      const value = digit * 10 ** power;
      if (Math.log10(value) >= low && Math.log10(value) <= high) found.push(value);
    }
  }
  return found.length ? found : [10 ** low, 10 ** high];
}

function least(values) {
  return values.reduce((a, b) => Math.min(a, b), Infinity);
}

function most(values) {
  return values.reduce((a, b) => Math.max(a, b), -Infinity);
}
