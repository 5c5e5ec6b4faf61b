import "i18next";

import type config from "./en/config";
import type keys from "./en/keys";
import type logs from "./en/logs";
import type metrics from "./en/metrics";
import type models from "./en/models";
import type overview from "./en/overview";
import type playground from "./en/playground";
import type providers from "./en/providers";
import type request from "./en/request";
import type requests from "./en/requests";
import type routing from "./en/routing";
import type shell from "./en/shell";
import type signin from "./en/signin";
import type streams from "./en/streams";
import type system from "./en/system";
import type ui from "./en/ui";

declare module "i18next" {
  // eslint-disable-next-line @typescript-eslint/consistent-type-definitions -- it merges with i18next's
  interface CustomTypeOptions {
    defaultNS: "ui";
    resources: {
      ui: typeof ui;
      shell: typeof shell;
      signin: typeof signin;
      overview: typeof overview;
      metrics: typeof metrics;
      request: typeof request;
      requests: typeof requests;
      streams: typeof streams;
      playground: typeof playground;
      providers: typeof providers;
      models: typeof models;
      keys: typeof keys;
      routing: typeof routing;
      config: typeof config;
      logs: typeof logs;
      system: typeof system;
    };
  }
}
