import { FakeApiServer } from "../testing/fake-api-server.ts";
import { kubernetesApi } from "./api.ts";
import { apiContract } from "./api-contract.fixture.ts";

apiContract("in memory", true, async () => ({
  api: kubernetesApi({ transport: new FakeApiServer() }),
  namespace: "shop",
  [Symbol.asyncDispose]: async () => undefined,
}));
