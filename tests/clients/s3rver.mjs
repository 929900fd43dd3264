// An S3 store of this machine with one bucket, 'blobs', until it is killed; prints its port.
// node s3rver.mjs FOLDER
import S3rver from 's3rver';

const server = new S3rver({ port: 0, address: '127.0.0.1', silent: true, directory: process.argv[2], configureBuckets: [{ name: 'blobs' }] });
const { port } = await server.run();
console.log(JSON.stringify({ port }));
