// A line with round corners.
import type { Point } from "./layout";

const RADIUS = 7;

export function roundedPath(points: readonly Point[]): string {
  const [first, ...rest] = points;
  if (!first) return "";
  let text = `M${first.x} ${first.y}`;
  rest.forEach((corner, at) => {
    const before = points[at] ?? first;
    const after = rest[at + 1];
    if (!after) return void (text += `L${corner.x} ${corner.y}`);
    const begin = towards(corner, before);
    const end = towards(corner, after);
    text += `L${begin.x} ${begin.y}Q${corner.x} ${corner.y} ${end.x} ${end.y}`;
  });
  return text;
}

function towards(corner: Point, other: Point): Point {
  const dx = other.x - corner.x;
  const dy = other.y - corner.y;
  const length = Math.hypot(dx, dy) || 1;
  const step = Math.min(RADIUS, length / 2);
  return { x: corner.x + (dx / length) * step, y: corner.y + (dy / length) * step };
}
