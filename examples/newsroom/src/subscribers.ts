/**
 * Who wants to hear from a process. A subscriber is monitored, so one that ends is forgotten without having to say so.
 * A value: it lives in the state of the process that broadcasts.
 */
import { type Down, type Monitor, type Pid, type Self, send } from "@interlock/core";

export type Subscribers<Message> = ReadonlyMap<Pid<Message>, Monitor>;

export function subscribe<M>(self: Self<unknown>, subscribers: Subscribers<M>, pid: Pid<M>): Subscribers<M> {
  return subscribers.has(pid) ? subscribers : new Map(subscribers).set(pid, self.monitor(pid));
}

/** Without the subscriber whose end `down` tells of; the same map when it was none. */
export function unsubscribe<M>(subscribers: Subscribers<M>, down: Down): Subscribers<M> {
  const left = [...subscribers].filter(([, monitor]) => monitor.ref !== down.ref);
  return left.length === subscribers.size ? subscribers : new Map(left);
}

export function broadcast<M>(subscribers: Subscribers<M>, message: NoInfer<M>): void {
  for (const pid of subscribers.keys()) send(pid, message);
}
