/** A program whose default export is an application: it says when it runs, and when it has been stopped. */
import { application, genServer, local, self, supervisor } from "@interlock/core";

const Greeter = genServer({
  name: "greeter",
  init: () => {
    self().trapExit();
    process.stdout.write("hello\n");
    return {};
  },
  terminate: () => void process.stdout.write("goodbye\n"),
});

const sup = supervisor({
  name: "sup",
  strategy: "one_for_one",
  children: () => [Greeter.child([], { name: local("greeter") })],
});

export default application({ name: "greeting", version: "1.0.0", start: () => sup.startLink() });
