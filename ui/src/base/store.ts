// A value that components look at: they are drawn anew when it is set.
import { useEffect, useState } from "preact/hooks";

export interface Store<T> {
  get: () => T;
  set: (value: T) => void;
  watch: (look: () => void) => () => void;
}

export function store<T>(value: T): Store<T> {
  const watching = new Set<() => void>();
  return {
    get: () => value,
    set: (next) => {
      if (Object.is(next, value)) return;
      value = next;
      for (const look of [...watching]) look();
    },
    watch: (look) => {
      watching.add(look);
      return () => void watching.delete(look);
    },
  };
}

export function useStore<T>(of: Store<T>): T {
  const [, draw] = useState({});
  useEffect(() => {
    draw({}); // it may have been set since this was drawn
    return of.watch(() => draw({}));
  }, [of]);
  return of.get();
}
