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

export class Emitter<Events extends { [Name in keyof Events]: unknown[] }> {
  private readonly listeners: { [Name in keyof Events]?: Set<(...args: Events[Name]) => void> } = {};

  /** Returns the function that removes the listener. */
  on<Name extends keyof Events>(name: Name, listener: (...args: Events[Name]) => void): () => void {
    const list = (this.listeners[name] ??= new Set());
    list.add(listener);
    return () => void list.delete(listener);
  }

  emit<Name extends keyof Events>(name: Name, ...args: Events[Name]): void {
    for (const listener of [...(this.listeners[name] ?? [])]) {
      callSafely(listener, ...args);
    }
  }
}
