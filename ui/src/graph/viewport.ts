// Moving about in a drawing: drag, wheel, two fingers, and a way to see it all again.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";

export interface View {
  x: number;
  y: number;
  scale: number;
}

const SCALE_MIN = 0.08;
const SCALE_MAX = 2.5;
const FIT_MAX = 1.15;

export function useViewport(width: number, height: number) {
  const box = useRef<SVGSVGElement>(null);
  const [view, setView] = useState<View>({ x: 0, y: 0, scale: 1 });
  const touched = useRef(false);

  const fit = useCallback(() => {
    const element = box.current;
    if (!element || !width || !height) return;
    const { clientWidth, clientHeight } = element;
    const whole = Math.min(clientWidth / width, clientHeight / height);
    // A long graph is shown from its beginning, large enough to be read.
    const scale = Math.min(FIT_MAX, Math.max(whole, Math.min(0.55, clientWidth / width)));
    const tall = height * scale > clientHeight;
    setView({
      x: (clientWidth - width * scale) / 2,
      y: tall ? 0 : (clientHeight - height * scale) / 2,
      scale,
    });
    touched.current = false;
  }, [width, height]);

  const zoom = useCallback((factor: number, at?: { x: number; y: number }) => {
    const element = box.current;
    if (!element) return;
    touched.current = true;
    const around = at ?? { x: element.clientWidth / 2, y: element.clientHeight / 2 };
    setView((old) => {
      const scale = Math.min(SCALE_MAX, Math.max(SCALE_MIN, old.scale * factor));
      const ratio = scale / old.scale;
      return {
        scale,
        x: around.x - (around.x - old.x) * ratio,
        y: around.y - (around.y - old.y) * ratio,
      };
    });
  }, []);

  useEffect(() => {
    const element = box.current;
    if (!element) return;
    fit();
    const watcher = new ResizeObserver(() => !touched.current && fit());
    watcher.observe(element);
    return () => watcher.disconnect();
  }, [fit]);

  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const fingers = new Map<number, PointerEvent>();
    const place = (event: { clientX: number; clientY: number }) => {
      const at = element.getBoundingClientRect();
      return { x: event.clientX - at.left, y: event.clientY - at.top };
    };
    const wheel = (event: WheelEvent) => {
      if (!event.ctrlKey && !event.metaKey) return; // the page scrolls
      event.preventDefault();
      zoom(Math.exp(-event.deltaY * 0.004), place(event));
    };
    const down = (event: PointerEvent) => fingers.set(event.pointerId, event);
    const move = (event: PointerEvent) => {
      const before = fingers.get(event.pointerId);
      if (!before) return;
      if (fingers.size === 1) {
        if (
          !element.hasPointerCapture(event.pointerId) &&
          Math.hypot(event.clientX - before.clientX, event.clientY - before.clientY) < 4
        )
          return;
        element.setPointerCapture(event.pointerId);
        touched.current = true;
        setView((old) => ({
          ...old,
          x: old.x + event.clientX - before.clientX,
          y: old.y + event.clientY - before.clientY,
        }));
      } else {
        const other = [...fingers.values()].find((one) => one.pointerId !== event.pointerId);
        if (other) zoom(distance(event, other) / (distance(before, other) || 1), place(other));
      }
      fingers.set(event.pointerId, event);
    };
    const up = (event: PointerEvent) => void fingers.delete(event.pointerId);
    element.addEventListener("wheel", wheel, { passive: false });
    element.addEventListener("pointerdown", down);
    element.addEventListener("pointermove", move);
    element.addEventListener("pointerup", up);
    element.addEventListener("pointercancel", up);
    return () => {
      element.removeEventListener("wheel", wheel);
      element.removeEventListener("pointerdown", down);
      element.removeEventListener("pointermove", move);
      element.removeEventListener("pointerup", up);
      element.removeEventListener("pointercancel", up);
    };
  }, [zoom]);

  return { box, view, fit, zoom };
}

const distance = (one: PointerEvent, other: PointerEvent): number =>
  Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
