// Times and durations as people read them.
import { useEffect, useState } from "preact/hooks";
import { useStore } from "./store";
import { zone, type Zone } from "./settings";

const pad = (value: number, width = 2) => String(value).padStart(width, "0");

/** 2026-01-31 09:05:07.123, in the zone that was chosen. */
export function fullTime(text: string, of: Zone): string {
  const at = new Date(text);
  const [y, mo, d, h, mi, s, ms] =
    of === "utc"
      ? [
          at.getUTCFullYear(),
          at.getUTCMonth(),
          at.getUTCDate(),
          at.getUTCHours(),
          at.getUTCMinutes(),
          at.getUTCSeconds(),
          at.getUTCMilliseconds(),
        ]
      : [
          at.getFullYear(),
          at.getMonth(),
          at.getDate(),
          at.getHours(),
          at.getMinutes(),
          at.getSeconds(),
          at.getMilliseconds(),
        ];
  return `${y}-${pad(mo + 1)}-${pad(d)} ${pad(h)}:${pad(mi)}:${pad(s)}.${pad(ms, 3)}`;
}

/** Only the time for today, else the day as well. */
export function shortTime(text: string, of: Zone, nowMs = Date.now()): string {
  const full = fullTime(text, of);
  const today = fullTime(new Date(nowMs).toISOString(), of);
  return full.slice(0, 10) === today.slice(0, 10) ? full.slice(11, 19) : full.slice(0, 16);
}

/** A moment as a field of day and time has it, in the zone that was chosen. */
export const fieldTime = (text: string, of: Zone): string =>
  fullTime(text, of).slice(0, 19).replace(" ", "T");

/** The moment that such a field names, in milliseconds; NaN if it is empty. */
export const msOfField = (text: string, of: Zone): number =>
  Date.parse(text + (of === "utc" ? "Z" : ""));

/** 340 ms, 12.3 s, 4 min 02 s, 3 h 20 min, 5 d 4 h. */
export function duration(ms: number): string {
  if (!Number.isFinite(ms)) return "";
  if (ms < 0) ms = 0;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(Math.floor(ms / 100) / 10).toFixed(1)} s`;
  const s = Math.floor(ms / 1000);
  if (s < 3600) return `${Math.floor(s / 60)} min ${pad(s % 60)} s`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h ${pad(Math.floor(s / 60) % 60)} min`;
  return `${Math.floor(s / 86_400)} d ${Math.floor(s / 3600) % 24} h`;
}

export const msOf = (text: string | null | undefined): number => (text ? Date.parse(text) : NaN);

export const useZone = (): Zone => useStore(zone);

/** The time, looked at every so often; it stands still where nothing is running. */
export function useNow(everyMs: number, running = true): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    if (!running) return;
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs, running]);
  return now;
}
