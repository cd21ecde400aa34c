// The metastore's settings, in one place for the tests' own server and for `compose.yaml`.

export interface MetastoreSettings {
  readonly jdbcUrl: string;
  readonly user: string;
  readonly password: string;
  readonly port: number;
  readonly host: string;
  /** Where tables lie, with a scheme. */
  readonly warehouse: string;
  /** Hive's own default is true; then it refuses to drop or reorder columns. */
  readonly comparesColumnPositions: boolean;
  /** After which an abandoned lock is taken away. */
  readonly transactionTimeoutSeconds: number;
  /** How often abandoned locks are looked for; null as in Hive's own settings, where they stay for ever. */
  readonly housekeepingSeconds: number | null;
  /** How long colliding transactions wait before they try again. */
  readonly retryMs: number;
}

/** For `metastore-site.xml`. */
export function metastoreSite(settings: MetastoreSettings): Readonly<Record<string, string>> {
  return {
    "javax.jdo.option.ConnectionURL": settings.jdbcUrl,
    "javax.jdo.option.ConnectionDriverName": "org.postgresql.Driver",
    "javax.jdo.option.ConnectionUserName": settings.user,
    "javax.jdo.option.ConnectionPassword": settings.password,
    "datanucleus.schema.autoCreateAll": "false",
    "metastore.schema.verification": "true",
    "metastore.thrift.port": String(settings.port),
    "metastore.thrift.bind.host": settings.host,
    "metastore.thrift.uris": "",
    "metastore.execute.setugi": "false",
    "metastore.server.min.threads": "8",
    "metastore.server.max.threads": "100",
    // Tables are external: their folder must not lie in the managed tables' one, which is never used.
    "metastore.warehouse.dir": `${settings.warehouse.replace(/\/+$/, "")}-managed`,
    "metastore.warehouse.external.dir": settings.warehouse,
    // Without Hive's query engine on the class path.
    "metastore.expression.proxy": "org.apache.hadoop.hive.metastore.DefaultPartitionExpressionProxy",
    "metastore.task.threads.always": "org.apache.hadoop.hive.metastore.events.EventCleanerTask",
    "metastore.event.listeners": "",
    "metastore.transactional.event.listeners": "",
    "metastore.stats.autogather": "false",
    "metastore.disallow.incompatible.col.type.changes": String(settings.comparesColumnPositions),
    "hive.support.concurrency": "true",
    "hive.txn.manager": "org.apache.hadoop.hive.ql.lockmgr.DbTxnManager",
    "metastore.txn.timeout": `${settings.transactionTimeoutSeconds}s`,
    "metastore.housekeeping.threads.on": String(settings.housekeepingSeconds !== null),
    ...(settings.housekeepingSeconds !== null && {
      "metastore.acid.housekeeper.interval": `${settings.housekeepingSeconds}s`,
    }),
    "metastore.hmshandler.retry.interval": `${settings.retryMs}ms`,
  };
}

/** Hadoop's configuration file format. */
export function hadoopXml(settings: Readonly<Record<string, string>>): string {
  const escape = (text: string): string =>
    text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  const properties = Object.entries(settings).map(
    ([name, value]) =>
      `  <property>\n    <name>${escape(name)}</name>\n    <value>${escape(value)}</value>\n  </property>\n`,
  );
  return `<?xml version="1.0"?>\n<configuration>\n${properties.join("")}</configuration>\n`;
}
