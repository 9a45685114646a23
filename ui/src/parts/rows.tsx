// A long list of which only what is in sight is drawn; all rows are of one height.
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

const BEYOND = 8;

export function Rows<T>(props: {
  items: readonly T[];
  height: number;
  max: string;
  label: string;
  row: (item: T, at: number) => ComponentChildren;
  follow?: boolean;
}) {
  const box = useRef<HTMLDivElement>(null);
  const [from, setFrom] = useState(0);
  const [count, setCount] = useState(60);

  const look = () => {
    const element = box.current;
    if (!element) return;
    setFrom(Math.max(0, Math.floor(element.scrollTop / props.height) - BEYOND));
    setCount(Math.ceil(element.clientHeight / props.height) + 2 * BEYOND);
  };
  useEffect(() => {
    look();
    const watcher = new ResizeObserver(look);
    if (box.current) watcher.observe(box.current);
    return () => watcher.disconnect();
  }, [props.items.length === 0]);
  useEffect(() => {
    if (props.follow && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [props.follow, props.items.length]);

  const first = Math.min(from, Math.max(0, props.items.length - count));
  return (
    <div
      class="rows"
      ref={box}
      onScroll={look}
      style={{ maxHeight: props.max }}
      tabIndex={0}
      role="region"
      aria-label={props.label}
    >
      <div style={{ height: `${props.items.length * props.height}px` }}>
        <div style={{ transform: `translateY(${first * props.height}px)` }}>
          {props.items.slice(first, first + count).map((item, at) => props.row(item, first + at))}
        </div>
      </div>
    </div>
  );
}
