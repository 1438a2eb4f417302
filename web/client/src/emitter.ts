// SPDX-License-Identifier: MIT
/** A typed list of listeners per name. */

/** Shows a fault of the application's own code where an uncaught one would appear. */
export function reportFault(cause: unknown): void {
  const report = (globalThis as { reportError?: (cause: unknown) => void }).reportError;
  if (report) {
    report.call(globalThis, cause);
  } else {
    console.error(cause);
  }
}

/** Calls the application; what it throws is reported and harms nobody else. */
export function callSafely<Args extends unknown[]>(
  callback: ((...args: Args) => unknown) | undefined,
  ...args: Args
): void {
  try {
    callback?.(...args);
  } catch (cause) {
    reportFault(cause);
  }
}

/** Each call of `on` has its own, so that a listener given twice can be taken back once. */
interface Entry<Args extends unknown[]> {
  readonly listener: (...args: Args) => void;
}

export class Emitter<Events extends { [Name in keyof Events]: unknown[] }> {
  private readonly listeners: { [Name in keyof Events]?: Set<Entry<Events[Name]>> } = {};

  /** Returns the function that removes the listener. */
  on<Name extends keyof Events>(name: Name, listener: (...args: Events[Name]) => void): () => void {
    const list = (this.listeners[name] ??= new Set());
    const entry = { listener };
    list.add(entry);
    return () => void list.delete(entry);
  }

  emit<Name extends keyof Events>(name: Name, ...args: Events[Name]): void {
    for (const entry of [...(this.listeners[name] ?? [])]) {
      if (this.listeners[name]?.has(entry)) {
        callSafely(entry.listener, ...args);
      }
    }
  }
}
