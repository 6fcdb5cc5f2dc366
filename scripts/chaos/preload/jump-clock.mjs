// Loaded into a server before it starts, in each of its threads: the clock on the wall jumps back and forth by up to a day,
// ten times a second. Clocks that only measure durations are left alone.
const DAY_MS = 86_400_000;
const RealDate = Date;
let offsetMs = 0;

globalThis.Date = class extends RealDate {
  constructor(...given) {
    if (given.length === 0) super(RealDate.now() + offsetMs);
    else super(...given);
  }
  static now() {
    return RealDate.now() + offsetMs;
  }
};

setInterval(() => {
  offsetMs = Math.round((Math.random() * 2 - 1) * DAY_MS);
}, 100).unref();
