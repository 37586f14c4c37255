// presign.mjs -- prints the URLs that src/blob/s3_test.c holds as vectors, as the JavaScript SDK makes them: @aws-sdk/client-s3 3.1169.0,
// @aws-sdk/s3-request-presigner 3.1162.0. Run it where these two are installed; the vectors change only when the protocol does.
import { S3Client, PutObjectCommand } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
const cases = [
 { region:'us-east-1', bucket:'acme-uploads', key:'org_01/upl_02/talk.mp3', type:'audio/mpeg', style:'virtual' },
 { region:'eu-central-1', bucket:'acme-uploads', key:'a b/ü+(1)~*\'!.pdf', type:'application/pdf', style:'virtual' },
 { region:'eu-central-1', bucket:'acme.with.dots', key:'x', type:'text/plain; charset=utf-8', style:'path', endpoint:'http://127.0.0.1:9000' },
 { region:'auto', bucket:'b', key:'upl_01J9Z', type:'image/png', style:'path', endpoint:'https://minio.example.com:9443/base', token:'FwoGZXIvYXdzEBYaD+token/with=chars' },
 { region:'us-east-1', bucket:'b2', key:'k/é', type:'video/mp4', style:'virtual', endpoint:'https://s3.example.com', expires:60 },
];
for (const c of cases) {
  const s3 = new S3Client({ region:c.region, endpoint:c.endpoint, forcePathStyle:c.style==='path', requestChecksumCalculation:'WHEN_REQUIRED',
    credentials:{ accessKeyId:'AKIDEXAMPLE', secretAccessKey:'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY', sessionToken:c.token }});
  const u = await getSignedUrl(s3, new PutObjectCommand({ Bucket:c.bucket, Key:c.key, ContentType:c.type }), { expiresIn:c.expires??900, signableHeaders:new Set(['content-type']), signingDate:new Date('2026-05-15T08:21:00.000Z') });
  console.log(JSON.stringify(c)); console.log(u);
}
